// Evaluation text without a target, or with so few that its loss is chance.
#include <nlohmann/json.hpp>

#include "tests/apps/workplace.h"

namespace encore::test {
namespace {

using nlohmann::json;

Outcome train(const std::string& output, std::vector<std::string> more) {
  std::vector<std::string> words = {program("dapt_train"),
                                    "--model",
                                    workplace().model(),
                                    "--output",
                                    workplace() / output,
                                    "--max-steps",
                                    "2",
                                    "--eval-every",
                                    "1",
                                    "--seq-length",
                                    "32",
                                    "--batch-sequences",
                                    "4",
                                    "--tokens-per-batch",
                                    "256",
                                    "--cache-dir",
                                    workplace().cache(),
                                    "--device",
                                    "cpu",
                                    "--threads",
                                    "1"};
  words.insert(words.end(), more.begin(), more.end());
  return run(words);
}

std::vector<json> evaluations(const std::string& output) {
  std::vector<json> lines;
  std::istringstream in(read_text(workplace() / output + "/log.jsonl"));
  for (std::string line; std::getline(in, line);)
    if (json parsed = json::parse(line); parsed.contains("eval_loss")) lines.push_back(parsed);
  return lines;
}

// 60 documents of a few words.
std::string short_lines() {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "word" + std::to_string(i) + " and more\n";
  return text;
}

TEST(FewTargets, NoTargetIsNoFigure) {
  const std::string text = workplace().write("none.txt", "ok\n");
  const Outcome o = run({program("mlm_eval"), "--model", workplace().model(), "--data", text, "--json", "--cache-dir",
                         workplace().cache(), "--device", "cpu", "--mlm-probability", "0.000001"});
  EXPECT_EQ(o.code, 0) << o.err;
  const json result = json::parse(o.out);
  for (const char* key : {"loss", "bits", "perplexity", "document_loss", "accuracy"})
    EXPECT_TRUE(result.at(key).is_null()) << key << ": " << o.out;
  EXPECT_EQ(result.at("targets"), 0);
  EXPECT_NE(o.err.find("warning: the "), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("no target"), std::string::npos) << o.err;
}

TEST(FewTargets, IsNeverBest) {
  const Outcome o =
      train("never", {"--train", workplace().write("t.txt", short_lines()), "--eval", workplace().write("e.txt", "a\n"),
                      "--eval-tokens", "0", "--mlm-probability", "0.05"});
  EXPECT_EQ(o.code, 0) << o.err;
  const std::vector<json> lines = evaluations("never");
  ASSERT_EQ(lines.size(), 3u);
  for (const json& line : lines) {
    ASSERT_EQ(line.at("eval_targets"), 0) << "the test wants a text without targets";
    EXPECT_TRUE(line.at("eval_loss").is_null()) << line;
    EXPECT_TRUE(line.at("eval_perplexity").is_null()) << line;
  }
  EXPECT_FALSE(std::filesystem::exists(workplace() / "never/model/best"));
  EXPECT_TRUE(std::filesystem::exists(workplace() / "never/model/last/model.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(workplace() / "never/report.html"));
  EXPECT_EQ(o.out.find("best so far"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("no target"), std::string::npos) << o.out;
}

TEST(FewTargets, ASmallHeldOutSetTakesMore) {
  const Outcome o = train("more", {"--train", workplace().write("t.txt", short_lines())});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("25 % are held out"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("mostly chance"), std::string::npos) << o.out;
  const std::vector<json> lines = evaluations("more");
  ASSERT_FALSE(lines.empty());
  EXPECT_GT(lines[0].at("eval_targets"), 5);
  // Continues with the same documents held out.
  const Outcome again = run({program("dapt_train"), "--output", workplace() / "more", "--resume"});
  EXPECT_EQ(again.code, 0) << again.err;
}

}  // namespace
}  // namespace encore::test
