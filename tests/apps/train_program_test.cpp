// dapt_train as a user runs it: refusals, the run folder, stop and resume, a full disk, several ranks.
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/apps/workplace.h"
#include "tests/support/mpirun.h"

namespace encore::test {
namespace {

using nlohmann::json;

// 40 small steps with every random thing switched on.
Words command(const std::string& output, const Words& more = {}) {
  return Words{program("dapt_train"),
               "--model",
               workplace().model(),
               "--train",
               workplace().train(),
               "--eval",
               workplace().eval(),
               "--output",
               output,
               "--max-steps",
               "40",
               "--epochs",
               "0",
               "--seq-length",
               "64",
               "--batch-sequences",
               "4",
               "--lr",
               "1e-3",
               "--tokens-per-batch",
               "256",
               "--eval-every",
               "10",
               "--cache-dir",
               workplace().cache(),
               "--device",
               "cpu",
               "--dtype",
               "fp32",
               "--threads",
               "1"} +
         more;
}

std::vector<json> read_log(const std::string& run) {
  std::vector<json> lines;
  std::istringstream in(read_text(run + "/log.jsonl"));
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

// The log without the figures that depend on the clock.
std::vector<json> timeless_log(const std::string& run) {
  std::vector<json> lines = read_log(run);
  for (json& line : lines)
    for (const char* key : {"seconds", "tokens_per_second", "eval_seconds"}) line.erase(key);
  return lines;
}

void expect_same_run(const std::string& a, const std::string& b, int step) {
  const std::string state = "/state/step-" + std::to_string(step) + "/";
  for (const char* file : {"weights.f32", "adam_m.f32", "adam_v.f32"}) {
    const std::string bytes = read_text(a + state + file);
    EXPECT_GT(bytes.size(), 1000u);
    EXPECT_TRUE(bytes == read_text(b + state + file)) << file;
  }
  EXPECT_EQ(timeless_log(a), timeless_log(b));
  for (const char* which : {"/model/best", "/model/last"})
    EXPECT_TRUE(read_text(a + which + "/model.safetensors") == read_text(b + which + "/model.safetensors")) << which;
}

const std::string& uninterrupted() {
  static const std::string path = [] {
    const std::string output = workplace() / "uninterrupted";
    const Outcome o = run(command(output));
    EXPECT_EQ(o.code, 0) << o.out << o.err;
    return output;
  }();
  return path;
}

TEST(TrainProgram, WritesTheRunFolder) {
  const std::string& output = uninterrupted();
  const auto log = read_log(output);
  int steps = 0, evals = 0;
  for (const json& line : log) {
    if (line.contains("eval_loss")) {
      ++evals;
      EXPECT_EQ(line.at("eval_name"), "eval");
      continue;
    }
    EXPECT_EQ(line.at("step"), ++steps);
    for (const char* key : {"loss", "lr", "grad_norm", "tokens", "targets", "tokens_per_second", "seconds"})
      EXPECT_TRUE(line.at(key).is_number()) << key;
  }
  EXPECT_EQ(steps, 40);
  EXPECT_EQ(evals, 5);  // before the first step, and each tenth
  EXPECT_LT(log.back().at("eval_loss").get<double>(), log.front().at("eval_loss").get<double>() - 0.2);
  for (const char* which : {"best", "last"})
    for (const char* file : {"config.json", "model.safetensors", "vocab.json", "merges.txt", "tokenizer.json"})
      EXPECT_TRUE(fs::exists(output + "/model/" + which + "/" + file)) << which << "/" << file;
  EXPECT_TRUE(fs::exists(output + "/state/step-40/state.json"));
  const json config = json::parse(read_text(output + "/config.json"));
  EXPECT_EQ(config.at("max-steps"), 40);
  EXPECT_EQ(config.at("seed"), 42);
}

TEST(TrainProgram, TheResolvedConfigRepeatsTheRun) {
  const std::string output = workplace() / "repeated";
  const Outcome o = run({program("dapt_train"), "--config", uninterrupted() + "/config.json", "--output", output});
  ASSERT_EQ(o.code, 0) << o.err;
  expect_same_run(uninterrupted(), output, 40);
}

// Stops a run by a signal once its log shows some steps; a run that ends before gets no signal.
Outcome stop_after_lines(const Words& words, const std::string& output, size_t lines, int signal) {
  Process process(words);
  while (process.running()) {
    const std::string log = read_text(output + "/log.jsonl");
    if (size_t(std::count(log.begin(), log.end(), '\n')) >= lines) {
      process.send(signal);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return process.wait();
}

TEST(TrainProgram, StoppedBySignalsAndResumedIsTheSameRun) {
  for (const int signal : {SIGTERM, SIGUSR1}) {
    const std::string output = workplace() / ("stopped-" + std::to_string(signal));
    const Outcome stopped = stop_after_lines(command(output), output, 8, signal);
    ASSERT_EQ(stopped.code, 75) << stopped.out << stopped.err;
    EXPECT_NE(stopped.out.find("--resume"), std::string::npos);
    ASSERT_FALSE(fs::exists(output + "/state/step-40"));
    const Outcome resumed = run({program("dapt_train"), "--output", output, "--resume"});
    ASSERT_EQ(resumed.code, 0) << resumed.err;
    expect_same_run(uninterrupted(), output, 40);
  }
}

// The same with two threads and with --dtype auto.
TEST(TrainProgram, ResumingIsExactInTheMachinesOwnDtype) {
  const Words own{"--dtype", "auto", "--threads", "2", "--max-steps", "16"};
  const std::string whole = workplace() / "own-whole", output = workplace() / "own-stopped";
  ASSERT_EQ(run(command(whole, own)).code, 0);
  ASSERT_EQ(stop_after_lines(command(output, own), output, 8, SIGTERM).code, 75);
  const Outcome resumed = run({program("dapt_train"), "--output", output, "--resume"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  expect_same_run(whole, output, 16);
}

TEST(TrainProgram, KilledAndResumedIsTheSameRun) {
  const std::string output = workplace() / "killed";
  const Words words = command(output, {"--save-every", "3"});
  for (const size_t lines : {1, 9, 20, 33}) {
    const Words again = lines == 1 ? words : words + Words{"--resume"};
    const Outcome o = stop_after_lines(again, output, lines, SIGKILL);
    ASSERT_EQ(o.code, 128 + SIGKILL) << o.out << o.err;
  }
  const Outcome resumed = run(words + Words{"--resume"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  expect_same_run(uninterrupted(), output, 40);
}

TEST(TrainProgram, AFinishedRunResumedStaysAsItIs) {
  const auto log = read_log(uninterrupted());
  const Outcome o = run({program("dapt_train"), "--output", uninterrupted(), "--resume"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(read_log(uninterrupted()), log);
}

TEST(TrainProgram, KeepsTheNewestStatesAndTheBest) {
  const std::string output = workplace() / "kept";
  const Outcome o = run(command(output, {"--save-every", "5", "--keep", "2"}));
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_TRUE(fs::exists(output + "/state/step-40"));
  EXPECT_TRUE(fs::exists(output + "/state/step-35"));
  EXPECT_FALSE(fs::exists(output + "/state/step-30"));
}

TEST(TrainProgram, AFullDiskLeavesTheLastStateWhole) {
  const std::string output = workplace() / "full";
  ASSERT_EQ(stop_after_lines(command(output), output, 8, SIGTERM).code, 75);
  std::set<std::string> before;
  for (const auto& entry : fs::directory_iterator(output + "/state")) before.insert(entry.path().filename());
  ASSERT_EQ(before.size(), 1u);
  // Files may have 64 KiB at most: the log fits, a state does not.
  const Outcome o = run({"bash", "-c", "ulimit -f 64; exec " + program("dapt_train") + " --resume --output " + output});
  EXPECT_EQ(o.code, 74) << o.out << o.err;
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  std::set<std::string> after;
  for (const auto& entry : fs::directory_iterator(output + "/state")) after.insert(entry.path().filename());
  EXPECT_EQ(before, after);
  ASSERT_EQ(run({program("dapt_train"), "--resume", "--output", output}).code, 0);
  expect_same_run(uninterrupted(), output, 40);
}

TEST(TrainProgram, ADamagedStateIsNamed) {
  const std::string output = workplace() / "damaged";
  ASSERT_EQ(stop_after_lines(command(output), output, 8, SIGTERM).code, 75);
  const std::string state = fs::directory_iterator(output + "/state")->path().string();
  for (const char* file : {"adam_v.f32", "state.json"}) {
    const std::string path = state + "/" + file, good = read_text(path);
    std::string bad = good;
    bad[bad.size() / 2] ^= 1;
    write_text(path, bad);
    const Outcome o = run({program("dapt_train"), "--output", output, "--resume"});
    EXPECT_EQ(o.code, 2);
    EXPECT_NE(o.err.find(file), std::string::npos) << o.err;
    write_text(path, good.substr(0, good.size() - 40));
    EXPECT_EQ(run({program("dapt_train"), "--output", output, "--resume"}).code, 2);
    write_text(path, good);
  }
  EXPECT_EQ(run({program("dapt_train"), "--output", output, "--resume"}).code, 0);
}

TEST(TrainProgram, HoldsDocumentsOutWhenThereIsNoEval) {
  const std::string output = workplace() / "held-out";
  Words words = command(output, {"--held-out", "0.2", "--max-steps", "2"});
  words.erase(words.begin() + 5, words.begin() + 7);  // --eval FILE
  const Outcome o = run(words);
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("held out"), std::string::npos) << o.out;
  EXPECT_EQ(read_log(output).front().at("eval_name"), "held-out");
}

// Standard input is read once and copied: held-out documents and a resumed run come from the copy.
TEST(TrainProgram, TrainsOnStandardInputAndResumes) {
  const std::string output = workplace() / "stream";
  const auto line = [](const Words& words) {
    std::string text;
    for (const std::string& w : words) text += w + " ";
    return text;
  };
  Words words = command(output, {"--train", "-", "--max-steps", "2"});
  words.erase(words.begin() + 5, words.begin() + 7);  // --eval FILE
  const Outcome o = run({"bash", "-c", line(words) + "< " + workplace().train()});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(run({"bash", "-c", program("dapt_train") + " --resume --output " + output + " < /dev/null"}).code, 0);
}

TEST(TrainProgram, MlmEvalMeasuresWhatTheRunMeasured) {
  const auto log = read_log(uninterrupted());
  const struct {
    std::string model;
    double loss;
  } cases[] = {{workplace().model(), log.front().at("eval_loss")},
               {uninterrupted() + "/model/last", log.back().at("eval_loss")}};
  for (const auto& c : cases) {
    const Outcome o = run({program("mlm_eval"), "--model", c.model, "--data", workplace().eval(), "--json",
                           "--cache-dir", workplace().cache(), "--device", "cpu", "--dtype", "fp32"});
    ASSERT_EQ(o.code, 0) << o.err;
    const json result = json::parse(o.out);
    const double loss = result.at("loss");
    EXPECT_NEAR(loss, c.loss, 1e-5 * c.loss);
    EXPECT_NEAR(result.at("bits").get<double>(), loss / std::log(2.0), 1e-9);
    EXPECT_NEAR(result.at("perplexity").get<double>(), std::exp(loss), 1e-6 * std::exp(loss));
    EXPECT_GT(result.at("document_loss").get<double>(), 0);
    EXPECT_GT(result.at("targets"), 0);
    EXPECT_GT(result.at("tokens"), result.at("targets"));
    EXPECT_LE(result.at("documents"), 30);
  }
}

TEST(TrainProgram, RefusesInOneLine) {
  const std::string& taken = uninterrupted();
  write_text(workplace() / "empty.txt", "");
  const struct {
    Words more;
    const char* named;
  } cases[] = {
      {{"--learning-rate", "1"}, "--learning-rate"},
      {{"--lr", "-1"}, "--lr"},
      {{"--lr", "fast"}, "--lr"},
      {{"--mlm-probability", "2"}, "--mlm-probability"},
      {{"--seq-length", "65"}, "--seq-length"},
      {{"--tokens-per-batch", "63"}, "--tokens-per-batch"},
      {{"--schedule", "stairs"}, "--schedule"},
      {{"--stride", "8"}, "--stride"},
      {{"--mask-share", "0.8", "--random-share", "0.3"}, "--mask-share"},
      {{"--max-steps", "0"}, "--max-steps"},
      {{"--output", taken}, "--resume"},
      {{"--output", taken, "--resume", "--lr", "2e-3"}, "--lr"},
      {{"--preset", "paper-dapd"}, "--preset"},
      {{"--train", workplace() / "missing.txt"}, "missing.txt"},
      {{"--train", workplace() / "empty.txt"}, "empty.txt"},
      {{"--model", workplace() / "nowhere"}, "nowhere"},
      {{"--device", "tpu"}, "--device"},
  };
  for (const auto& c : cases) {
    const std::string output = workplace() / "refused";
    const Outcome o = run(command(output) + c.more);
    EXPECT_EQ(o.code, 2) << c.named << ": " << o.err;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_NE(o.err.find(c.named), std::string::npos) << c.named << ": " << o.err;
    EXPECT_EQ(o.out, "") << c.named;
    EXPECT_FALSE(fs::exists(output + "/config.json")) << c.named;
  }
}

TEST(TrainProgram, TwoRanksTakeTheSameSteps) {
  if (!prepare_mpirun()) GTEST_SKIP() << "skipped: no mpirun, or built without MPI";
  const std::string one = workplace() / "one-rank", two = workplace() / "two-ranks";
  const Words more{"--max-steps", "50", "--batch-sequences", "6"};
  ASSERT_EQ(run(command(one, more)).code, 0);
  const Outcome o = run(Words{"mpirun", "-n", "2"} + command(two, more));
  ASSERT_EQ(o.code, 0) << o.out << o.err;
  const auto a = read_log(one), b = read_log(two);
  ASSERT_EQ(a.size(), b.size()) << "rank 0 alone writes";
  for (size_t i = 0; i < a.size(); ++i)
    for (const char* key : {"loss", "eval_loss", "lr", "targets", "tokens"})
      if (a[i].contains(key)) {
        const double x = a[i].at(key), y = b[i].at(key);
        EXPECT_NEAR(x, y, 1e-5 * std::abs(x)) << key << " of line " << i;
      }
  const Outcome refused = run(Words{"mpirun", "-n", "2"} + command(two, {"--batch-sequences", "1"}));
  EXPECT_EQ(refused.code, 2) << refused.err;
}

}  // namespace
}  // namespace encore::test
