// --dry-run: its estimate is right, and it leaves nothing behind.
#include "train/dry_run.h"

#include <regex>
#include <set>

#include "tests/apps/program.h"
#include "tests/support/mpirun.h"

namespace encore::test {
namespace {

TEST(EstimateRun, AddsStepsEvaluationsAndSaves) {
  Rehearsal r;
  r.first_step = 5;  // three seconds more than any other
  r.steps = {2, 2, 2, 2, 2};
  r.measured_tokens = 1000;
  r.run_steps = 100;
  r.run_tokens = 20000;
  r.first_eval = 7;
  r.repeated_eval = 4;
  r.evaluations = 11;
  r.state_bytes = 1200;
  r.model_bytes = 400;
  r.write_rate = 100;
  RunOptions options;
  options.save_minutes = 0;
  options.save_every = 25;
  RunEstimate e = estimate_run(r, options);
  EXPECT_DOUBLE_EQ(e.steps, 203);  // 10 s for 1,000 tokens
  EXPECT_DOUBLE_EQ(e.evaluations, 47);
  EXPECT_EQ(e.saves, 4);  // after 25, 50, 75 and 100
  EXPECT_DOUBLE_EQ(e.saving_bytes, 4 * 1600 + 10 * 400);
  EXPECT_DOUBLE_EQ(e.total(), 203 + 47 + 104);
  options.save_minutes = 1;
  options.save_every = 0;
  EXPECT_EQ(estimate_run(r, options).saves, 5);  // 250 s, and at the end
  r.write_rate = 0;
  EXPECT_EQ(estimate_run(r, options).saving, 0);
  r.evaluations = 0;
  EXPECT_EQ(estimate_run(r, options).evaluations, 0);
}

std::set<std::string> everything(const std::string& folder) {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) files.insert(entry.path().string());
  return files;
}

struct Place {
  TinyWorkplace workplace;
  std::string output = workplace / "runs/new";
  std::vector<std::string> command(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {program("dapt_train"),
                                      "--model",
                                      workplace.model(),
                                      "--train",
                                      workplace.train(),
                                      "--eval",
                                      workplace.eval(),
                                      "--output",
                                      output,
                                      "--max-steps",
                                      "40",
                                      "--seq-length",
                                      "64",
                                      "--batch-sequences",
                                      "4",
                                      "--eval-every",
                                      "10",
                                      "--cache-dir",
                                      workplace.cache(),
                                      "--device",
                                      "cpu",
                                      "--dtype",
                                      "fp32",
                                      "--threads",
                                      "1"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

void expect_answers(const std::string& out) {
  for (const char* part : {"tokens, without specials", "Memory plan", "40 steps of 4 examples", "a step",
                           "5 evaluations", "saving 1 time", "ETA", "tokens/s"})
    EXPECT_NE(out.find(part), std::string::npos) << part << " is not in:\n" << out;
  EXPECT_TRUE(std::regex_search(out, std::regex("ETA +[0-9.]+ s"))) << out;
}

TEST(DryRun, SaysHowLongAndWritesNothing) {
  const Place place;
  const std::string home = fs::path(place.workplace.model()).parent_path();
  ASSERT_EQ(run(place.command({"--dry-run"})).code, 0);  // makes the token cache
  const auto before = everything(home);
  const Outcome o = run(place.command({"--dry-run"}));
  ASSERT_EQ(o.code, 0) << o.err;
  expect_answers(o.out);
  EXPECT_EQ(everything(home), before);
  EXPECT_FALSE(fs::exists(place.output));
  // The dry run does not change the run after it: the same first loss.
  ASSERT_EQ(run(place.command({"--max-steps", "2"})).code, 0);
}

TEST(DryRun, MeasuresAsManyStepsAsThereAre) {
  const Place place;
  for (const char* steps : {"1", "3", "5", "6"}) {
    const Outcome o = run(place.command({"--dry-run", "--max-steps", steps}));
    ASSERT_EQ(o.code, 0) << o.err;
    EXPECT_NE(o.out.find(std::string("\n  ") + steps + " steps"), std::string::npos) << o.out;
  }
}

TEST(DryRun, WithoutEvaluationTextAndWithATimeLimit) {
  const Place place;
  auto words = place.command({"--dry-run", "--held-out", "0", "--max-hours", "1e-6"});
  words.erase(words.begin() + 5, words.begin() + 7);  // --eval FILE
  const Outcome o = run(words);
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out.find("evaluations"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("--max-hours ends it"), std::string::npos) << o.out;
}

// The README's first run: no --model and no --train.
TEST(DryRun, TheExampleNeedsNoArguments) {
  const TemporaryFolder place;
  const Outcome o = run({program("dapt_train"), "--dry-run", "--cache-dir", place / "cache", "--batch-sequences", "1",
                         "--eval-tokens", "1000", "--device", "cpu"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("No --model and no --train: the example, "), std::string::npos) << o.out;
}

TEST(DryRun, RefusesWhereARunIs) {
  const Place place;
  // --resume without a run in the folder is accepted, since a job script may always pass it.
  EXPECT_EQ(run(place.command({"--dry-run", "--resume"})).code, 0);
  ASSERT_EQ(run(place.command({"--max-steps", "2"})).code, 0);
  for (const auto& more : {std::vector<std::string>{"--dry-run"}, {"--dry-run", "--resume"}}) {
    const Outcome o = run(place.command(more));
    EXPECT_EQ(o.code, 2);
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_EQ(o.out, "");
  }
}

TEST(DryRun, UnderMpirunOneRankSpeaks) {
  if (!prepare_mpirun()) GTEST_SKIP() << "skipped: no mpirun, or built without MPI";
  const Place place;
  auto words = place.command({"--dry-run"});
  words.insert(words.begin(), {"mpirun", "-n", "2"});
  const Outcome o = run(words);
  ASSERT_EQ(o.code, 0) << o.out << o.err;
  expect_answers(o.out);
  EXPECT_EQ(o.out.find("ETA"), o.out.rfind("ETA"));
  EXPECT_FALSE(fs::exists(place.output));
}

}  // namespace
}  // namespace encore::test
