// Ranks compare what they see, and what differs is named with both values.
#include "train/rank_checks.h"

#include <gtest/gtest.h>

#include "kernels/base/check.h"
#include "tests/support/thread_ranks.h"
#include "tests/train/tiny_run.h"
#include "train/file_digest.h"

namespace encore::test {
namespace {

// The message of each rank; "": it agreed.
std::vector<std::string> messages(const std::vector<RunDigest>& digests) {
  std::vector<std::string> all(digests.size());
  ThreadRanks(int(digests.size())).run([&](Communicator& comm) {
    try {
      check_ranks_agree(digests[size_t(comm.rank())], comm);
    } catch (const Error& e) {
      all[size_t(comm.rank())] = e.what();
    }
  });
  return all;
}

TEST(RankChecks, EveryRankGetsTheSameMessage) {
  const RunDigest a{{"--lr", "0.1"}, {"weights", "77"}}, b{{"--lr", "0.2"}, {"weights", "77"}}, c{{"--lr", "0.1"}};
  EXPECT_EQ(messages({a, a, a}), (std::vector<std::string>{"", "", ""}));
  for (const std::string& said : messages({a, a, b}))
    EXPECT_EQ(said,
              "rank 2 does not see what rank 0 sees: --lr 0.2 (rank 0 has 0.1): give every rank the same flags, files "
              "and program");
  for (const std::string& said : messages({a, c}))
    EXPECT_NE(said.find("weights none (rank 0 has 77)"), std::string::npos) << said;
  for (const std::string& said : messages({c, a}))
    EXPECT_NE(said.find("weights 77 (rank 0 has none)"), std::string::npos) << said;
}

TEST(RankChecks, ALongListIsCut) {
  RunDigest a, b;
  for (const char* field : {"a", "b", "c", "d", "e", "f"}) a[field] = "1", b[field] = "2";
  EXPECT_EQ(differences(a, b, "it"), "a 1 (it has 2), b 1 (it has 2), c 1 (it has 2), d 1 (it has 2) and 2 more");
  EXPECT_EQ(differences(a, {{"g", "1"}}, "it"), "");
}

TEST(RankChecks, FilesAreComparedByContentAndOrder) {
  const TemporaryFolder place;
  std::string large(size_t(70) << 20, 'x');  // is sampled
  write_text(place / "a", "text");
  write_text(place / "b", "other");
  write_text(place / "same", "text");
  write_text(place / "large", large);
  const auto of = [&](std::vector<std::string> names) {
    for (std::string& name : names) name = place / name;
    return sample_digest(names);
  };
  EXPECT_EQ(of({"a"}), of({"same"}));
  EXPECT_NE(of({"a"}), of({"b"}));
  EXPECT_NE(of({"a", "b"}), of({"b", "a"}));
  EXPECT_NE(of({"a"}), of({"none"}));
  const uint64_t before = of({"large"});
  for (const size_t at : {size_t(0), large.size() - 1}) {
    large[at] = 'y';
    write_text(place / "large", large);
    EXPECT_NE(of({"large"}), before) << at;
    large[at] = 'x';
  }
  write_text(place / "large", large + "x");
  EXPECT_NE(of({"large"}), before);
}

}  // namespace
}  // namespace encore::test
