#include "train/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "kernels/base/check.h"

namespace encore {
namespace {

// Recorded with scikit-learn; the cases include labels that never occur.
TEST(Metrics, AgreeWithScikitLearn) {
  std::ifstream in(ENCORE_SOURCE_DIR "/tests/golden/metrics.json");
  ASSERT_TRUE(in);
  const auto cases = nlohmann::json::parse(in);
  ASSERT_GE(cases.size(), 5u);
  for (const auto& c : cases) {
    const auto gold = c["gold"].get<std::vector<int32_t>>(), predicted = c["predicted"].get<std::vector<int32_t>>();
    const Scores s = score(gold, predicted, c["labels"].get<int>());
    EXPECT_NEAR(s.accuracy, c["accuracy"].get<double>(), 1e-12);
    EXPECT_NEAR(s.macro_f1, c["macro_f1"].get<double>(), 1e-12);
    EXPECT_NEAR(s.micro_f1, c["micro_f1"].get<double>(), 1e-12);
    EXPECT_NEAR(s.weighted_f1, c["weighted_f1"].get<double>(), 1e-12);
    EXPECT_EQ(nlohmann::json(s.confusion), c["confusion"]);
    for (size_t k = 0; k < s.per_class.size(); ++k) {
      EXPECT_NEAR(s.per_class[k].precision, c["precision"][k].get<double>(), 1e-12);
      EXPECT_NEAR(s.per_class[k].recall, c["recall"][k].get<double>(), 1e-12);
      EXPECT_NEAR(s.per_class[k].f1, c["f1"][k].get<double>(), 1e-12);
      EXPECT_EQ(s.per_class[k].support, c["support"][k].get<int64_t>());
    }
  }
}

TEST(Metrics, BothStandardDeviations) {
  const std::vector<double> v{2, 4, 4, 4, 5, 5, 7, 9};
  const MeanStd m = mean_std(v);
  EXPECT_DOUBLE_EQ(m.mean, 5);
  EXPECT_DOUBLE_EQ(m.std_population, 2);
  EXPECT_NEAR(m.std_sample, std::sqrt(32.0 / 7), 1e-12);
  EXPECT_EQ(mean_std(std::vector<double>{3.0}).std_sample, 0);
}

TEST(Metrics, RefusesWhatIsNoLabel) {
  const std::vector<int32_t> gold{0, 1}, bad{0, 2}, shorter{0};
  EXPECT_THROW(score(gold, bad, 2), Error);
  EXPECT_THROW(score(gold, shorter, 2), Error);
}

}  // namespace
}  // namespace encore
