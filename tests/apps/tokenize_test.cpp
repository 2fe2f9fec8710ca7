// tokenize and train_tokenizer as a user runs them.
#include <fmt/format.h>

#include <sstream>

#include "data/tokenizer/tokenizer.h"
#include "tests/apps/program.h"

namespace encore::test {
namespace {

namespace fs = std::filesystem;

class TokenizePrograms : public testing::Test {
 protected:
  TokenizePrograms() {
    std::string text;
    for (int i = 0; i < 50; ++i) text += "the cat sat on the mat and the dog sat on the log\n";
    write("text.txt", text);
  }
  std::string write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  Outcome train(const std::string& output, std::vector<std::string> more = {}) {
    std::vector<std::string> words{
        program("train_tokenizer"), "--data", folder_ / "text.txt", "--vocab-size", "275", "--output", output};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  TemporaryFolder folder_;
};

// Expects exit code 2, nothing on standard output, and one line on standard error that contains `part`.
void expect_refused(const Outcome& outcome, const std::string& part) {
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_NE(outcome.err.find(part), std::string::npos) << "no '" << part << "' in: " << outcome.err;
}

TEST_F(TokenizePrograms, LearnThenTokenize) {
  const std::string model = folder_ / "tokenizer";
  const Outcome learned = train(model);
  ASSERT_EQ(learned.code, 0) << learned.err;
  EXPECT_NE(learned.out.find("275 tokens"), std::string::npos) << learned.out;
  EXPECT_NE(learned.out.find("50 documents"), std::string::npos) << learned.out;
  const Tokenizer tokenizer = Tokenizer::load(model);
  const std::vector<std::string> texts{"the cat", "", "a log <mask>\nof \u00e9"};
  const std::string rows = write("rows.jsonl", R"({"body": "the cat"}
{"body": ""}
{"body": "a log <mask>\nof \u00e9"}
)");
  for (bool special : {true, false}) {
    std::vector<std::string> words{program("tokenize"), "--model", model, "--data", rows, "--text-field", "body"};
    if (!special) words.push_back("--no-special");
    const Outcome outcome = run(words);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    std::istringstream lines(outcome.out);
    std::string line;
    for (const std::string& text : texts) {
      ASSERT_TRUE(std::getline(lines, line));
      auto ids = tokenizer.encode(text);
      if (special) ids = tokenizer.build_inputs(ids);
      EXPECT_EQ(line, fmt::format("[{}]", fmt::join(ids, ", ")));
    }
    EXPECT_FALSE(std::getline(lines, line));
  }
}

TEST_F(TokenizePrograms, Refusals) {
  const std::string model = folder_ / "tokenizer", text = folder_ / "text.txt";
  ASSERT_EQ(train(model).code, 0);
  expect_refused(train(model), "already: name a new or an empty folder");
  expect_refused(train(folder_ / "other", {"--vocab-size", "260"}), "--vocab-size");
  const auto tokenize = [&](std::vector<std::string> more) {
    std::vector<std::string> words{program("tokenize"), "--model", model};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  expect_refused(tokenize({}), "--data");
  expect_refused(tokenize({"--data", folder_ / "none.txt"}), "none.txt");
  expect_refused(tokenize({"--data", text, "--colour"}), "colour");
  // The first documents are valid, but nothing is printed.
  expect_refused(tokenize({"--data", text, write("bad.jsonl", "{\"text\": \"x\"}\n{\"body\": \"x\"}\n")}), "line 2");
  expect_refused(tokenize({"--data", write("latin.txt", "caf\xe9\n")}), "UTF-8");
  expect_refused(run({program("tokenize"), "--model", folder_ / "nothing", "--data", text}), "nothing");
}

}  // namespace
}  // namespace encore::test
