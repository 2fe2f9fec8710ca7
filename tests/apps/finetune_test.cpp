// The whole program finetune: stopped and resumed, over several ranks, with skipped steps.
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/apps/program.h"
#include "tests/support/mpirun.h"

namespace encore::test {
namespace {

using nlohmann::json;

// Sentences about cats and dogs, whose subject is the label.
std::string rows(int count, int first) {
  std::string text;
  for (int i = first; i < first + count; ++i) {
    std::string sentences = i % 3 ? "a dog carries the mouse. " : "the cat eats some bread. ";
    for (int k = 0; k < i % 4; ++k) sentences += k % 2 ? "one bird sings to the morning sun. " : "our horse eats. ";
    text += json{{"text", sentences}, {"label", i % 3 ? "dog" : "cat"}}.dump() + "\n";
  }
  return text;
}

class Finetune : public ::testing::Test {
 protected:
  static constexpr int kRows = 48, kEpochs = 3, kSeeds = 2, kBatch = 5;

  static void SetUpTestSuite() {
    place_ = new TinyWorkplace(0.1f, 60);
    write_text(*place_ / "train.jsonl", rows(kRows, 0));
    write_text(*place_ / "dev.jsonl", rows(21, 100));
    write_text(*place_ / "test.jsonl", rows(23, 200));
    whole_ = *place_ / "whole";
    const Outcome o = run(command(whole_));
    ASSERT_EQ(o.code, 0) << o.out << o.err;
  }
  static void TearDownTestSuite() {
    delete place_;
    place_ = nullptr;
  }

  static Words command(const std::string& output, const Words& more = {}) {
    return Words{program("finetune"),
                 "--model",
                 place_->model(),
                 "--train",
                 *place_ / "train.jsonl",
                 "--dev",
                 *place_ / "dev.jsonl",
                 "--test",
                 *place_ / "test.jsonl",
                 "--output",
                 output,
                 "--epochs",
                 std::to_string(kEpochs),
                 "--seeds",
                 std::to_string(kSeeds),
                 "--batch-size",
                 std::to_string(kBatch),
                 "--tokens-per-batch",
                 "96",
                 "--lr",
                 "2e-3",
                 "--threads",
                 "1",
                 "--dtype",
                 "fp32",
                 "--device",
                 "cpu"} +
           more;
  }
  static std::vector<json> log_of(const std::string& run) {
    std::vector<json> lines;
    std::istringstream in(read_text(run + "/log.jsonl"));
    for (std::string line; std::getline(in, line);) {
      lines.push_back(json::parse(line));
      lines.back().erase("seconds");
    }
    return lines;
  }
  static std::string weights_of(const std::string& run) { return read_text(run + "/model/model.safetensors"); }
  static void expect_same_bits(const std::string& run) {
    EXPECT_EQ(log_of(run), log_of(whole_));
    EXPECT_EQ(json::parse(read_text(run + "/results.json")), json::parse(read_text(whole_ + "/results.json")));
    EXPECT_GT(weights_of(run).size(), 1000u);
    EXPECT_TRUE(weights_of(run) == weights_of(whole_));
    EXPECT_FALSE(fs::exists(run + "/state")) << "a complete run needs no state";
  }
  // Bytes of the run's TensorBoard file: they grow with every step.
  static size_t event_bytes(const std::string& run) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(run, error))
      if (entry.path().filename().string().starts_with("events.out.tfevents.")) return entry.file_size(error);
    return 0;
  }

  static TinyWorkplace* place_;
  static std::string whole_;
};
TinyWorkplace* Finetune::place_ = nullptr;
std::string Finetune::whole_;

TEST_F(Finetune, WritesTheRunFolder) {
  const std::vector<json> log = log_of(whole_);
  ASSERT_EQ(log.size(), size_t(kEpochs * kSeeds));
  EXPECT_LT(log[kEpochs - 1].at("loss").get<double>(), log[0].at("loss").get<double>());
  const json results = json::parse(read_text(whole_ + "/results.json"));
  EXPECT_EQ(results.at("seeds").size(), size_t(kSeeds));
  EXPECT_GT(results.at("test").at("accuracy").at("mean").get<double>(), 0.5);
  const json config = json::parse(read_text(whole_ + "/config.json"));
  EXPECT_EQ(config.at("batch-sequences"), kBatch);
  EXPECT_EQ(config.at("dtype"), "fp32");
  // A record for each step of each seed, for each epoch, and for the version.
  EXPECT_GT(event_bytes(whole_), size_t(kSeeds * kEpochs * ((kRows + kBatch - 1) / kBatch)) * 60);
}

TEST_F(Finetune, AFolderThatHoldsARunIsRefused) {
  const Outcome o = run(command(whole_));
  EXPECT_EQ(o.code, 2);
  EXPECT_NE(o.err.find("--resume"), std::string::npos) << o.err;
}

TEST_F(Finetune, StoppedBySignalsAndResumedIsTheSameRun) {
  const std::string run_folder = *place_ / "stopped";
  int stops = 0;
  for (int attempt = 0; attempt < 50; ++attempt) {
    const Words again{program("finetune"), "--output", run_folder, "--resume"};
    Process process(attempt == 0 ? command(run_folder) : again);
    const size_t before = event_bytes(run_folder);
    // Stops after a few steps, at any point: within an epoch, between two epochs or between two seeds.
    while (process.running() && event_bytes(run_folder) < before + 400 + size_t(attempt) * 90)
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    process.send(SIGTERM);
    const Outcome o = process.wait();
    if (o.code == 0) break;
    ASSERT_EQ(o.code, 75) << o.out << o.err;
    EXPECT_NE(o.out.find("--resume"), std::string::npos) << o.out;
    ++stops;
  }
  EXPECT_GE(stops, 2);
  ASSERT_TRUE(fs::exists(run_folder + "/results.json"));
  expect_same_bits(run_folder);
}

TEST_F(Finetune, KilledAndResumedIsTheSameRun) {
  const std::string run_folder = *place_ / "killed";
  const Words saving{"--save-every", "3"};
  for (int attempt = 0; attempt < 4; ++attempt) {
    Process process(command(run_folder, saving + (attempt ? Words{"--resume"} : Words())));
    for (int wait = 0; process.running() && wait < 2000 && event_bytes(run_folder) < 1500u * unsigned(attempt + 1);
         ++wait)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    process.send(SIGKILL);
    process.wait();
  }
  const Outcome o = run({program("finetune"), "--output", run_folder, "--resume"});
  ASSERT_EQ(o.code, 0) << o.err;
  expect_same_bits(run_folder);
  const Outcome again = run({program("finetune"), "--output", run_folder, "--resume"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.out.find("complete"), std::string::npos) << again.out;
  expect_same_bits(run_folder);
}

// Complete results are those of the run that is asked for, or nothing is said.
TEST_F(Finetune, AFinishedRunIsNotTakenForAnother) {
  const std::string run_folder = *place_ / "finished", config = run_folder + "/config.json";
  fs::copy(whole_, run_folder, fs::copy_options::recursive);
  const std::string results = read_text(run_folder + "/results.json"), flags = read_text(config);
  const auto expect_refused = [&](const Words& more, const std::string& part) {
    const Outcome o = run(Words{program("finetune"), "--output", run_folder, "--resume"} + more);
    EXPECT_EQ(o.code, 2) << o.out << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_NE(o.err.find(part), std::string::npos) << o.err;
    EXPECT_EQ(read_text(run_folder + "/results.json"), results);
  };
  expect_refused({"--lr", "0.5"}, "--lr 0.5 (");
  expect_refused({"--seeds", "9"}, "--seeds 9 (");
  for (const auto& [flag, value] : {std::pair{"lr", json(0.25)}, std::pair{"seeds", json(7)}}) {
    json edited = json::parse(flags);
    edited[flag] = value;
    write_text(config, edited.dump());
    expect_refused({}, fmt::format("--{} {} (", flag, value.dump()));
  }
  write_text(config, flags);
  for (const char* forged : {R"({"seeds": [1, 2], "dev": {"accuracy": 1}})", R"({"seeds": [], "digest": {"--lr": 5}})",
                             R"({"seeds": [1, 2], "dev": {"accuracy": {"mean": "x"}}})", R"({"digest": [1]})", "[]"}) {
    write_text(run_folder + "/results.json", forged);
    const Outcome o = run({program("finetune"), "--output", run_folder, "--resume"});
    EXPECT_EQ(o.code, 2) << forged << o.out << o.err;
    EXPECT_NE(o.err.find("results.json"), std::string::npos) << o.err;
  }
}

TEST_F(Finetune, ResultsAndPageFollowEverySeed) {
  EXPECT_TRUE(fs::exists(whole_ + "/report.html"));
  const std::string run_folder = *place_ / "half";
  Process process(command(run_folder));
  const std::string results = run_folder + "/results.json";
  while (process.running() && !fs::exists(results)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  process.send(SIGTERM);
  if (process.wait().code == 75) {
    const json half = json::parse(read_text(results)), all = json::parse(read_text(whole_ + "/results.json"));
    ASSERT_EQ(half.at("seeds").size(), 1u);
    EXPECT_EQ(half.at("seeds")[0], all.at("seeds")[0]);
    EXPECT_TRUE(fs::exists(run_folder + "/report.html"));
  }
  ASSERT_EQ(run({program("finetune"), "--output", run_folder, "--resume"}).code, 0);
  expect_same_bits(run_folder);
}

TEST_F(Finetune, OneProcessAtATimeWritesAFolder) {
  const std::string run_folder = *place_ / "locked";
  Process process(command(run_folder, {"--epochs", "200", "--patience", "0"}));
  while (process.running() && event_bytes(run_folder) < 600)
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  const Outcome o = run({program("finetune"), "--output", run_folder, "--resume"});
  EXPECT_EQ(o.code, 2) << o.out;
  EXPECT_NE(o.err.find("another process is writing"), std::string::npos) << o.err;
  process.send(SIGTERM);
  EXPECT_EQ(process.wait().code, 75);
}

TEST_F(Finetune, AnEditedConfigAndAnotherModelAreRefused) {
  const std::string run_folder = *place_ / "edited";
  Process process(command(run_folder));
  while (process.running() && event_bytes(run_folder) < 600)
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  process.send(SIGTERM);
  ASSERT_EQ(process.wait().code, 75);
  const std::string file = run_folder + "/config.json", text = read_text(file);
  json config = json::parse(text);
  config["weight-decay"] = 0.5;
  write_text(file, config.dump());
  const Outcome edited = run({program("finetune"), "--output", run_folder, "--resume"});
  EXPECT_EQ(edited.code, 2);
  EXPECT_NE(edited.err.find("--weight-decay 0.5"), std::string::npos) << edited.err;
  EXPECT_NE(edited.err.find("has 0.1"), std::string::npos) << edited.err;
  write_text(file, text);
  const std::string other = *place_ / "other-eps";
  fs::copy(place_->model(), other, fs::copy_options::recursive);
  json model = json::parse(read_text(other + "/config.json"));
  model["layer_norm_eps"] = 1e-3;
  write_text(other + "/config.json", model.dump());
  const Outcome eps = run({program("finetune"), "--output", run_folder, "--resume", "--model", other});
  EXPECT_EQ(eps.code, 2);
  EXPECT_NE(eps.err.find("layer_norm_eps of config.json 0.001"), std::string::npos) << eps.err;
  EXPECT_EQ(run({program("finetune"), "--output", run_folder, "--resume"}).code, 0);
}

TEST_F(Finetune, AResumedRunKeepsItsFlags) {
  const std::string run_folder = *place_ / "other-lr";
  Process process(command(run_folder));
  while (process.running() && event_bytes(run_folder) < 600)
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  process.send(SIGTERM);
  ASSERT_EQ(process.wait().code, 75);
  const Outcome o = run({program("finetune"), "--output", run_folder, "--resume", "--lr", "1e-4"});
  EXPECT_EQ(o.code, 2);
  EXPECT_NE(o.err.find("--lr"), std::string::npos) << o.err;
}

TEST_F(Finetune, TwoRanksGiveTheLossesAndScoresOfOneProcess) {
  if (!prepare_mpirun()) GTEST_SKIP() << "skipped: no mpirun, or built without MPI";
  const std::string run_folder = *place_ / "ranks";
  const Outcome o = run(Words{"mpirun", "-n", "2"} + command(run_folder));
  ASSERT_EQ(o.code, 0) << o.out << o.err;
  const std::vector<json> one = log_of(whole_), two = log_of(run_folder);
  ASSERT_EQ(one.size(), two.size());
  for (size_t i = 0; i < one.size(); ++i)
    for (const char* key : {"loss", "dev_accuracy", "dev_macro_f1", "dev_micro_f1"})
      EXPECT_NEAR(one[i].at(key).get<double>(), two[i].at(key).get<double>(), 1e-5) << i << " " << key;
  const json a = json::parse(read_text(whole_ + "/results.json")),
             b = json::parse(read_text(run_folder + "/results.json"));
  for (const char* split : {"dev", "test"})
    for (const auto& [score, value] : a.at(split).items())
      EXPECT_NEAR(value.at("mean").get<double>(), b.at(split).at(score).at("mean").get<double>(), 1e-5);
}

TEST_F(Finetune, ThreeRanksForTwoRowsAStep) {
  if (!prepare_mpirun()) GTEST_SKIP() << "skipped: no mpirun, or built without MPI";
  const std::string one = *place_ / "small-1", three = *place_ / "small-3";
  const Words small{"--batch-size", "2", "--epochs", "1", "--seeds", "1"};
  ASSERT_EQ(run(command(one, small)).code, 0);
  const Outcome o = run(Words{"mpirun", "-n", "3"} + command(three, small));
  ASSERT_EQ(o.code, 0) << o.out << o.err;
  EXPECT_NEAR(log_of(one)[0].at("loss").get<double>(), log_of(three)[0].at("loss").get<double>(), 1e-5);
}

// A NaN at a position that only the longest row of training reaches.
TEST_F(Finetune, StepsThatAreNotFiniteEndTheRunOrAreLeftOut) {
  const std::string hurt = *place_ / "hurt-model";
  fs::copy(place_->model(), hurt, fs::copy_options::recursive);
  {
    const EncoderConfig config = load_config(hurt);
    const auto backend = make_backend("cpu", 1);
    const auto model = make_mlm(config, *backend, DType::kF32, Mode::kInference);
    load_weights(hurt, model->params(), config, 0);
    const int index = model->params().find("roberta.embeddings.position_embeddings.weight");
    std::vector<float> positions = model->params().read(index);
    positions.back() = NAN;
    model->params().write(index, positions.data());
    fs::remove_all(hurt);
    save_model(hurt, *model);
    Tokenizer::load(place_->model()).save(hurt, 64);
  }
  std::string endless;
  for (int i = 0; i < 40; ++i) endless += "a dog carries the mouse. ";
  write_text(*place_ / "hurt.jsonl", rows(kRows, 0) + json{{"text", endless}, {"label", "dog"}}.dump() + "\n");
  const Words flags{"--model", hurt, "--train", *place_ / "hurt.jsonl"};

  const Outcome stopped = run(command(*place_ / "hurt-run", flags));
  ASSERT_EQ(stopped.code, 70) << stopped.out;
  for (const char* part : {"seed 0, epoch 1, step ", "position_embeddings", "rows of the batch, counted from 1: ", "49",
                           "--on-nonfinite skip"})
    EXPECT_NE(stopped.err.find(part), std::string::npos) << part << ": " << stopped.err;

  const Outcome skipping = run(command(*place_ / "skipping", flags + Words{"--on-nonfinite", "skip"}));
  ASSERT_EQ(skipping.code, 0) << skipping.out << skipping.err;
  int left_out = 0;
  for (size_t at = 0; (at = skipping.out.find("step left out", at)) != std::string::npos; ++at) ++left_out;
  EXPECT_EQ(left_out, kEpochs * kSeeds) << skipping.out;
  EXPECT_TRUE(fs::exists(*place_ / "skipping/results.json"));
}

}  // namespace
}  // namespace encore::test
