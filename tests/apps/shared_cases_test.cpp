// The inputs of ../shared/cases, each with the outcome that its README states. Those of tokenizers are in
// data/tokenizer_folders_test.cpp.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/program.h"
#include "tests/support/mpirun.h"

namespace encore::test {
namespace {

using nlohmann::json;

class SharedCases : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kCases)) GTEST_SKIP() << "skipped: no shared data";
  }
  static std::string in(const std::string& name) { return kCases + "/" + name; }
  // words[0]: the program's name.
  Outcome start(Words words, const Words& before = {}) {
    words[0] = program(words[0]);
    words.insert(words.end(), {"--threads", "1", "--dtype", "fp32", "--device", "cpu"});
    words.insert(words.begin(), before.begin(), before.end());
    return run(words);
  }
  // The results.json of one epoch.
  json tune(const std::string& model, const std::string& train, const std::string& dev, const Words& more = {}) {
    const std::string output = place_ / ("task" + std::to_string(runs_++));
    Words words{"finetune", "--model",  in(model), "--train",  in(train), "--dev",
                in(dev),    "--epochs", "1",       "--output", output};
    words.insert(words.end(), more.begin(), more.end());
    tuned_ = start(words);
    EXPECT_EQ(tuned_.code, 0) << tuned_.err;
    return tuned_.code == 0 ? json::parse(read_text(output + "/results.json")) : json();
  }
  std::vector<json> lines_of(const std::string& text) {
    std::vector<json> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
    return lines;
  }
  inline static const std::string kCases = ENCORE_SOURCE_DIR "/../shared/cases";
  TemporaryFolder place_;
  Outcome tuned_;
  int runs_ = 0;
};

TEST_F(SharedCases, NumbersBeyond64Bits) {
  const Outcome o = start({"mlm_eval", "--model", in("case01/model"), "--data", in("case01/t.txt")});
  EXPECT_EQ(o.code, 0) << o.err;
}

TEST_F(SharedCases, HeadsByTheNamesOfTheirLabels) {
  const json by_name = tune("case02/model", "case02/train.jsonl", "case02/dev.jsonl", {"--lr", "0"});
  EXPECT_EQ(by_name["seeds"][0]["dev"]["accuracy"], 1.0);
  EXPECT_EQ(tuned_.out.find("a fresh one is trained"), std::string::npos) << tuned_.out;
  const json other = tune("case02/model", "case03/train.jsonl", "case03/dev.jsonl");
  EXPECT_EQ(other["labels"], json({"entailment", "not_entailment"}));
  EXPECT_NE(tuned_.out.find("a fresh one is trained"), std::string::npos) << tuned_.out;
}

TEST_F(SharedCases, EvaluationsWithoutTargets) {
  const Outcome none = start({"mlm_eval", "--model", in("tiny"), "--data", in("case04/ok.txt"), "--json"});
  ASSERT_EQ(none.code, 0) << none.err;
  const json figures = json::parse(none.out);
  EXPECT_EQ(figures["targets"], 0);
  for (const char* name : {"loss", "bits", "perplexity", "document_loss", "accuracy"})
    EXPECT_TRUE(figures[name].is_null()) << name;
  EXPECT_NE(none.err.find("warning: "), std::string::npos) << none.err;

  const Outcome few = start({"dapt_train", "--model", in("tiny"), "--train", in("case04/short3.txt"),
                             "--batch-sequences", "4", "--seq-length", "32", "--tokens-per-batch", "256", "--epochs",
                             "2", "--lr", "1e-3", "--output", place_ / "run", "--cache-dir", place_ / "cache"});
  ASSERT_EQ(few.code, 0) << few.err;
  EXPECT_NE(few.out.find("25 % are held out"), std::string::npos) << few.out;
  EXPECT_NE(few.out.find("mostly chance"), std::string::npos) << few.out;
  for (const json& row : lines_of(read_text(place_ / "run/log.jsonl")))
    if (row.contains("eval_loss")) {
      EXPECT_GT(row["eval_targets"], 0);
      EXPECT_GT(row["eval_loss"], 0);
    }
}

TEST_F(SharedCases, LabelsThatAreNumbersAndIdsOfAnyKind) {
  EXPECT_EQ(tune("tiny", "case10/mix.jsonl", "case10/mixdev.jsonl")["labels"], json({"0", "1"}));
  tune("tiny", "case11/oid.jsonl", "case11/dev.jsonl");
  const std::string rows = in("case11/oid.jsonl");
  const std::string predict =
      program("predict") + " --threads 1 --dtype fp32 --device cpu --model " + (place_ / "task1/model") + " --data ";
  const Outcome named = run({"bash", "-c", predict + rows});
  ASSERT_EQ(named.code, 0) << named.err;
  EXPECT_TRUE(named.out.starts_with(R"({"id":{"$oid":"5f1"},"label":)")) << named.out;
  EXPECT_NE(named.out.find(R"({"id":{"$oid":"5f2"},"label":)"), std::string::npos) << named.out;
  for (const std::string& command : {"cat " + rows + " | " + predict + "-", "gzip -c " + rows + " | " + predict + "-",
                                     predict + "<(cat " + rows + ")", predict + "'" + in("case11/o?d.jsonl") + "'"}) {
    const Outcome o = run({"bash", "-c", command});
    EXPECT_EQ(o.out, named.out) << command << o.err;
  }
}

TEST_F(SharedCases, RanksPrintOneObject) {
  if (!prepare_mpirun()) GTEST_SKIP() << "skipped: no mpirun, or built without MPI";
  const Outcome o =
      start({"mlm_eval", "--model", in("tiny"), "--data", in("case14/c.jsonl"), "--json"}, {"mpirun", "-n", "2"});
  ASSERT_EQ(o.code, 0) << o.err;
  const json figures = json::parse(o.out);
  EXPECT_EQ(figures["documents"], 60);
  EXPECT_NEAR(figures["document_loss"], 9.1984, 1e-4);
}

TEST_F(SharedCases, HeadsOfNoKernel) {
  const std::string config = in("case16/config.json"), never = place_ / "never";
  fs::copy(in("tiny"), place_ / "model");
  fs::copy_file(config, place_ / "model/config.json", fs::copy_options::overwrite_existing);
  for (const Words& words :
       {Words{"init_model", "--config", config, "--tokenizer", in("tiny"), "--output", never},
        Words{"dapt_train", "--model", place_ / "model", "--train", in("case01/t.txt"), "--output", never}}) {
    Words started = words;
    started[0] = program(words[0]);
    const Outcome o = run(started);
    EXPECT_EQ(o.code, 2);
    EXPECT_EQ(o.out, "");
    for (const char* part : {"config.json", "hidden_size 32", "num_attention_heads 2", "heads of 16"})
      EXPECT_NE(o.err.find(part), std::string::npos) << o.err;
    EXPECT_FALSE(fs::exists(never));
  }
}

}  // namespace
}  // namespace encore::test
