// --eval-tokens evaluates windows spread over a large text, the same at every evaluation; mlm_eval takes the flag too.
#include <nlohmann/json.hpp>

#include "tests/apps/workplace.h"

namespace encore::test {
namespace {

using nlohmann::json;

// The evaluation lines in the log of a run of four steps, evaluated before, between and after them.
std::vector<json> evaluations(const std::string& name, const std::string& eval_tokens, std::string* said = nullptr) {
  const std::string output = workplace() / name;
  const Outcome o = run({program("dapt_train"),
                         "--model",
                         workplace().model(),
                         "--train",
                         workplace().train(),
                         "--eval",
                         workplace().eval(),
                         "--output",
                         output,
                         "--max-steps",
                         "4",
                         "--eval-every",
                         "2",
                         "--seq-length",
                         "64",
                         "--batch-sequences",
                         "4",
                         "--eval-tokens",
                         eval_tokens,
                         "--cache-dir",
                         workplace().cache(),
                         "--device",
                         "cpu",
                         "--dtype",
                         "fp32",
                         "--threads",
                         "1"});
  EXPECT_EQ(o.code, 0) << o.err;
  if (said) *said = o.out;
  std::vector<json> lines;
  std::istringstream in(read_text(output + "/log.jsonl"));
  for (std::string line; std::getline(in, line);)
    if (json parsed = json::parse(line); parsed.contains("eval_loss")) lines.push_back(parsed);
  return lines;
}

json mlm_eval(const std::string& model, const std::string& eval_tokens) {
  const Outcome o =
      run({program("mlm_eval"), "--model", model, "--data", workplace().eval(), "--json", "--eval-tokens", eval_tokens,
           "--seq-length", "64", "--cache-dir", workplace().cache(), "--device", "cpu", "--dtype", "fp32"});
  EXPECT_EQ(o.code, 0) << o.err;
  return json::parse(o.out);
}

TEST(EvalTokens, EveryEvaluationTakesTheSamePart) {
  std::string said;
  const std::vector<json> part = evaluations("part", "200", &said), whole = evaluations("whole", "0");
  ASSERT_EQ(part.size(), 3u);
  ASSERT_EQ(whole.size(), 3u);
  EXPECT_NE(said.find("windows spread evenly over the text"), std::string::npos) << said;
  for (const json& line : part) {
    EXPECT_NEAR(line.at("eval_tokens").get<double>(), 200,
                100);  // windows of at most 64 tokens, in all about the mean length
    EXPECT_EQ(line.at("eval_tokens"), part[0].at("eval_tokens"));
    EXPECT_EQ(line.at("eval_targets"), part[0].at("eval_targets"));
  }
  EXPECT_GT(whole[0].at("eval_tokens"), 300);
  EXPECT_NE(whole[0].at("eval_loss"), part[0].at("eval_loss"));
}

TEST(EvalTokens, MlmEvalTakesTheSamePart) {
  const std::vector<json> part = evaluations("compared", "200");
  const std::string model = workplace() / "compared/model/last";
  const json same = mlm_eval(model, "200"), all = mlm_eval(model, "0");
  EXPECT_EQ(same.at("tokens"), part.back().at("eval_tokens"));
  EXPECT_EQ(same.at("targets"), part.back().at("eval_targets"));
  EXPECT_NEAR(same.at("loss").get<double>(), part.back().at("eval_loss").get<double>(), 1e-5);
  EXPECT_GT(all.at("tokens"), same.at("tokens"));
}

TEST(EvalTokens, ATextThatIsNotLargerIsTakenWhole) {
  std::string said;
  const std::vector<json> lines = evaluations("small", "1000000", &said), whole = evaluations("all", "0");
  EXPECT_EQ(said.find("windows spread evenly"), std::string::npos) << said;
  EXPECT_EQ(lines.at(0).at("eval_loss"), whole.at(0).at("eval_loss"));
}

}  // namespace
}  // namespace encore::test
