// Programs under mpirun: they share the work and give the result of one process, or refuse to start. The training
// programs are in train_program_test.cpp and finetune_test.cpp.
#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/apps/program.h"
#include "tests/support/mpirun.h"

namespace encore::test {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class OnRanks : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    place_ = new TinyWorkplace(0.1f, 60);
    std::string rows;
    for (int i = 0; i < 40; ++i) {
      std::string text;
      for (int k = 0; k <= i % 7; ++k) text += i % 2 ? "the cat eats some bread. " : "a dog carries the mouse. ";
      rows += json{{"id", i}, {"text", text}, {"label", i % 2 ? "cat" : "dog"}}.dump() + "\n";
    }
    write_text(*place_ / "rows.jsonl", rows);
  }
  static void TearDownTestSuite() {
    delete place_;
    place_ = nullptr;
  }
  void SetUp() override {
    if (!prepare_mpirun()) GTEST_SKIP() << "skipped: no mpirun, or built without MPI";
  }

  // words[0]: the program's name. ranks = 0: without mpirun.
  static Outcome start(int ranks, Words words) {
    words[0] = program(words[0]);
    return run(ranks == 0 ? words : Words{"mpirun", "-n", std::to_string(ranks)} + words);
  }
  static Words computing(const std::string& name, const std::string& model) {
    return {name, "--model", model, "--threads", "1", "--dtype", "fp32", "--device", "cpu"};
  }
  // The lines of standard error without mpirun's own.
  static Words said_by(const std::string& name, const std::string& err) {
    Words lines;
    std::istringstream in(err);
    for (std::string line; std::getline(in, line);) {
      line.erase(0, line.find_first_not_of('\0'));  // Open MPI 5 ends its own messages with one
      if (line.starts_with(name + ":") || line.starts_with(name + " (")) lines.push_back(line);
    }
    return lines;
  }

  static TinyWorkplace* place_;
};
TinyWorkplace* OnRanks::place_ = nullptr;

TEST_F(OnRanks, MlmEvalMeasuresWhatOneProcessMeasures) {
  // The documents are long, so that their windows fall into batches of several ranks.
  std::string text;
  for (int d = 0; d < 12; ++d) {
    for (int s = 0; s < 11 + 5 * d; ++s) text += "our horse carries a heavy load. ";
    text += "\n";
  }
  write_text(*place_ / "long.txt", text);
  const Words words = computing("mlm_eval", place_->model()) +
                      Words{"--seq-length", "32", "--tokens-per-batch", "96", "--cache-dir", place_->cache(), "--json"};
  for (const std::string& data : {place_->eval(), *place_ / "long.txt"}) {
    const Outcome one = start(0, words + Words{"--data", data});
    ASSERT_EQ(one.code, 0) << one.err;
    const json expected = json::parse(one.out);
    for (const int ranks : {2, 3}) {
      const Outcome o = start(ranks, words + Words{"--data", data});
      ASSERT_EQ(o.code, 0) << o.err;
      ASSERT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 1) << o.out;
      const json result = json::parse(o.out);
      for (const char* count : {"targets", "documents", "tokens"}) EXPECT_EQ(result.at(count), expected.at(count));
      for (const char* figure : {"loss", "bits", "perplexity", "document_loss", "accuracy"})
        EXPECT_NEAR(result.at(figure).get<double>(), expected.at(figure).get<double>(), 1e-9) << figure;
    }
    EXPECT_GT(expected.at("documents"), 1);
  }
}

TEST_F(OnRanks, EmbedWritesTheRowsOfOneProcess) {
  const Words words = computing("embed", place_->model()) +
                      Words{"--data", *place_ / "rows.jsonl", "--max-length", "32", "--tokens-per-batch", "64"};
  ASSERT_EQ(start(0, words + Words{"--output", *place_ / "one.npy"}).code, 0);
  const std::string one = read_text(*place_ / "one.npy");
  ASSERT_GT(one.size(), 40u * 64 * 4);
  for (const int ranks : {2, 3}) {
    const Outcome o = start(ranks, words + Words{"--output", *place_ / "many.npy"});
    ASSERT_EQ(o.code, 0) << o.err;
    EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 1) << o.out;
    EXPECT_TRUE(read_text(*place_ / "many.npy") == one) << ranks;
  }
}

TEST_F(OnRanks, PredictPrintsTheRowsOfOneProcess) {
  const std::string rows = *place_ / "rows.jsonl", tuned = *place_ / "tuned";
  const Outcome trained =
      start(0, computing("finetune", place_->model()) + Words{"--train", rows, "--dev", rows, "--output", tuned,
                                                              "--epochs", "1", "--lr", "1e-3", "--max-length", "32"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Words words =
      computing("predict", tuned + "/model") + Words{"--data", rows, "--max-length", "32", "--tokens-per-batch", "64"};
  const Outcome one = start(0, words);
  ASSERT_EQ(one.code, 0) << one.err;
  ASSERT_EQ(std::count(one.out.begin(), one.out.end(), '\n'), 40);
  for (const int ranks : {2, 3}) {
    const Outcome o = start(ranks, words);
    ASSERT_EQ(o.code, 0) << o.err;
    EXPECT_EQ(o.out, one.out) << ranks;
  }
  // A pipe can be read once: rank 0 reads it for all.
  const std::string pipe = *place_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  Words piped = words;
  *(std::find(piped.begin(), piped.end(), "--data") + 1) = pipe;
  std::thread writer([&] { write_text(pipe, read_text(rows)); });
  const Outcome o = start(2, piped);
  // Lets the writer go if no rank has opened the pipe.
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  writer.join();
  ::close(reader);
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out, one.out);
}

TEST_F(OnRanks, AnErrorIsOneLineOfAllRanks) {
  for (const char* name : {"mlm_eval", "embed", "predict"}) {
    const Outcome o =
        start(2, computing(name, place_->model()) + Words{"--data", *place_ / "none.txt", "--max-lenght", "8"});
    EXPECT_EQ(o.code, 2) << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(said_by(name, o.err).size(), 1u) << o.err;
  }
}

TEST_F(OnRanks, ProgramsOfOneProcessRefuse) {
  const std::string model = place_->model(), text = place_->train(), output = *place_ / "never";
  const std::vector<Words> all = {{"tokenize", "--model", model, "--data", text},
                                  {"train_tokenizer", "--data", text, "--vocab-size", "300", "--output", output},
                                  {"init_model", "--config", "encore-mini", "--tokenizer", model, "--output", output},
                                  {"fill_mask", "--model", model, "the <mask>."},
                                  {"trace", "--model", model, "--batch", text, "--output", output},
                                  {"report", *place_ / "nowhere", "--output", output}};
  for (const Words& words : all) {
    const Outcome o = start(2, words);
    EXPECT_EQ(o.code, 2) << words[0] << ": " << o.err;
    EXPECT_EQ(o.out, "") << words[0];
    EXPECT_EQ(said_by(words[0], o.err),
              Words{words[0] + ": this program works as one process: start it without mpirun"});
    EXPECT_FALSE(fs::exists(output)) << words[0];
  }
  // One rank is one process.
  EXPECT_EQ(start(1, all[0]).code, 0);
}

}  // namespace
}  // namespace encore::test
