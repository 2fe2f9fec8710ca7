#include "optim/schedule.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "kernels/base/check.h"

namespace encore {
namespace {

TEST(Schedule, AgreesWithHuggingFace) {
  std::ifstream in(ENCORE_SOURCE_DIR "/tests/golden/schedules.json");
  ASSERT_TRUE(in);
  const auto golden = nlohmann::json::parse(in);
  int compared = 0;
  for (const auto& [name, values] : golden["lr"].items()) {
    Schedule s{.kind = parse_schedule(name == "warmup_stable_decay" ? "wsd" : name),
               .lr = golden["base_lr"].get<double>(),
               .total_steps = golden["total_steps"].get<int64_t>(),
               .warmup_steps = golden["warmup_steps"].get<int64_t>()};
    if (name == "polynomial") {
      s.end_lr = golden["polynomial"]["lr_end"].get<double>();
      s.power = golden["polynomial"]["power"].get<double>();
    }
    if (name == "warmup_stable_decay") s.decay_steps = golden["wsd"]["decay"].get<int64_t>();
    for (size_t i = 0; i < values.size(); ++i, ++compared)
      EXPECT_NEAR(s.at(int64_t(i)), values[i].get<double>(), 1e-12) << name << " step " << i;
  }
  EXPECT_EQ(compared, 250);
}

TEST(Schedule, EndsAtItsLastValueAndStaysThere) {
  for (ScheduleKind kind :
       {ScheduleKind::kLinear, ScheduleKind::kCosine, ScheduleKind::kPolynomial, ScheduleKind::kWarmupStableDecay}) {
    const Schedule s{.kind = kind, .lr = 1, .total_steps = 100, .warmup_steps = 10};
    EXPECT_NEAR(s.at(100), 0, 1e-12);
    EXPECT_NEAR(s.at(1000), 0, 1e-12);
    EXPECT_DOUBLE_EQ(s.at(10), 1);
  }
  EXPECT_DOUBLE_EQ((Schedule{.kind = ScheduleKind::kLinear, .lr = 1, .total_steps = 10}).at(0), 1);
}

TEST(Schedule, WarmupRoundsUp) {
  EXPECT_EQ(warmup_steps(0.06, 100), 6);
  EXPECT_EQ(warmup_steps(0.06, 101), 7);
  EXPECT_EQ(warmup_steps(0, 50), 0);
}

TEST(Schedule, NamesTheChoices) {
  EXPECT_THROW(parse_schedule("quadratic"), Error);
}

}  // namespace
}  // namespace encore
