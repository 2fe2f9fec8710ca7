// Programs under mpirun: they share the work and give the result of one process, or refuse to start. The training
// programs are in train_program_test.cpp and finetune_test.cpp.
#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/apps/program.h"
#include "tests/support/mpirun.h"

namespace encore::test {
namespace {

using nlohmann::json;

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
  // Two ranks with a command each. mpirun's own "A : B" crashes in Open MPI 5.0.7.
  static Words by_rank(const Words& first, const Words& second) {
    const std::string choose = R"(n=$1; shift; [ "$OMPI_COMM_WORLD_RANK" = 0 ] && exec "${@:1:n}" || exec "${@:n+1}")";
    return Words{"mpirun", "-n", "2", "bash", "-c", choose, "-", std::to_string(first.size())} + first + second;
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

// Ranks whose commands differ: mpirun starts another one on each.
TEST_F(OnRanks, RanksThatDoNotSeeTheSameAreRefusedBeforeAnythingIsWritten) {
  const auto copy_of_model = [&](const std::string& name) {
    const std::string dir = *place_ / name;
    fs::remove_all(dir);
    fs::copy(place_->model(), dir, fs::copy_options::recursive);
    return dir;
  };
  const std::string rows = *place_ / "rows.jsonl", output = *place_ / "unseen", cache = *place_ / "no-cache";
  write_text(*place_ / "other.jsonl", read_text(rows) + "{\"text\": \"a dog\", \"label\": \"dog\"}\n");
  std::string text = read_text(place_->train());
  const size_t line = text.find('\n') + 1;
  write_text(*place_ / "turned.txt", text.substr(line) + text.substr(0, line));
  write_text(*place_ / "same.txt", text);
  const std::string weights = copy_of_model("other-weights");
  {
    const EncoderConfig config = load_config(weights);
    const auto backend = make_backend("cpu", 1);
    const auto model = make_mlm(config, *backend, DType::kF32, Mode::kInference);
    model->params().initialise(99, 0.02f);
    save_model(weights, *model);
  }
  const std::string eps = copy_of_model("other-eps");
  json config = json::parse(read_text(eps + "/config.json"));
  config["layer_norm_eps"] = 1e-3;
  write_text(eps + "/config.json", config.dump());

  // `more` replaces flags of the same name: several --train would be several files.
  const auto dapt = [&](const Words& more) {
    Words words =
        computing("dapt_train", place_->model()) +
        Words{"--train", place_->train(),     "--eval", place_->eval(), "--max-steps", "3",        "--seq-length",
              "64",      "--batch-sequences", "4",      "--cache-dir",  cache,         "--output", output};
    for (size_t i = 0; i + 1 < more.size(); i += 2) {
      const auto flag = std::find(words.begin(), words.end(), more[i]);
      if (flag != words.end()) words.erase(flag, flag + 2);
    }
    return words + more;
  };
  const auto tune = [&](const Words& more) {
    return computing("finetune", place_->model()) +
           Words{"--train", rows, "--dev", rows, "--epochs", "1", "--output", output} + more;
  };
  const auto computed = [&](const char* name) {
    return [&, name](const Words& more) {
      Words words = computing(name, place_->model()) + Words{"--data", rows} + more;
      if (words[0] == "embed") words = words + Words{"--output", output};
      return words;
    };
  };
  const struct {
    std::function<Words(const Words&)> command;
    Words more;
    Words parts;
  } cases[] = {{dapt, {"--lr", "0.5"}, {"--lr 0.5", "rank 0 has 0.0001"}},
               {dapt, {"--max-steps", "4"}, {"--max-steps 4", "rank 0 has 3"}},
               {dapt, {"--dry-run"}, {"--dry-run true"}},
               {dapt, {"--resume"}, {"--resume true", "rank 0 has false"}},
               {dapt, {"--help"}, {"does not see what rank 0 sees"}},
               {dapt, {"--save-every", "1"}, {"--save-every 1"}},
               {dapt, {"--train", *place_ / "turned.txt"}, {"training data"}},
               {dapt, {"--eval", *place_ / "turned.txt"}, {"evaluation data"}},
               {dapt, {"--model", weights}, {"weights of --model"}},
               {dapt, {"--model", eps}, {"layer_norm_eps of config.json 0.001", "rank 0 has 1e-05"}},
               {tune, {"--lr", "0.5"}, {"--lr 0.5"}},
               {tune, {"--dev", *place_ / "other.jsonl"}, {"evaluation data"}},
               {tune, {"--model", weights}, {"weights of --model"}},
               {computed("mlm_eval"), {"--seed", "5"}, {"--seed 5"}},
               {computed("embed"), {"--pooling", "first"}, {"--pooling first", "rank 0 has mean"}},
               {computed("embed"), {"--data", *place_ / "other.jsonl"}, {"data"}},
               {computed("mlm_eval"), {"--model", weights}, {"weights of --model"}}};
  for (const auto& c : cases) {
    Words first = c.command({}), second = c.command(c.more);
    const std::string name = first[0];
    first[0] = second[0] = program(name);
    const Outcome o = run(by_rank(first, second));
    EXPECT_EQ(o.code, 2) << name << " " << c.more[0] << ": " << o.err;
    EXPECT_EQ(o.out, "");
    const Words said = said_by(name, o.err);
    ASSERT_EQ(said.size(), 1u) << o.err;
    for (const std::string& part : c.parts) EXPECT_NE(said[0].find(part), std::string::npos) << part << ": " << said[0];
    EXPECT_FALSE(fs::exists(output)) << name << " " << c.more[0];
    EXPECT_FALSE(fs::exists(cache)) << name << " " << c.more[0];
  }
  // Another build of the program.
  fs::create_directories(*place_ / "bin");
  fs::create_directories(*place_ / "lib");
  fs::copy(std::string(ENCORE_BINARY_DIR) + "/lib/libencore_mpi.so", *place_ / "lib");
  write_text(*place_ / "bin/dapt_train", read_text(program("dapt_train")) + "x");
  fs::permissions(*place_ / "bin/dapt_train", fs::perms::owner_all);
  Words ours = dapt({}), theirs = dapt({});
  ours[0] = program("dapt_train");
  theirs[0] = *place_ / "bin/dapt_train";
  const Outcome build = run(by_rank(ours, theirs));
  EXPECT_EQ(build.code, 2) << build.err;
  EXPECT_NE(build.err.find("program file"), std::string::npos) << build.err;
  EXPECT_FALSE(fs::exists(output));
  // What each rank may have for itself, and the same text elsewhere.
  Words first = dapt({}), second = dapt({"--train", *place_ / "same.txt", "--cache-dir", *place_ / "own-cache"});
  first[0] = second[0] = program("dapt_train");
  const Outcome o = run(by_rank(first, second));
  EXPECT_EQ(o.code, 0) << o.err;
}

TEST_F(OnRanks, ProgramsOfOneProcessRefuse) {
  const std::string model = place_->model(), text = place_->train(), output = *place_ / "never";
  const std::vector<Words> all = {{"tokenize", "--model", model, "--data", text},
                                  {"train_tokenizer", "--data", text, "--vocab-size", "300", "--output", output},
                                  {"init_model", "--config", "encore-mini", "--tokenizer", model, "--output", output},
                                  {"fill_mask", "--model", model, "the <mask>."},
                                  {"trace", "--model", model, "--batch", text, "--output", output},
                                  {"domain_overlap", "--corpus", text, model + "/config.json", "--html", output},
                                  {"select_data", "--task", text, "--domain", text, "--output", output},
                                  {"vampire_train", "--train", text, "--output", output},
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
