// mlm_eval --per-document: the loss of each document.
#include <nlohmann/json.hpp>

#include "tests/apps/workplace.h"

namespace encore::test {
namespace {

using nlohmann::json;

Words measuring(const std::string& data, const std::string& file) {
  return {program("mlm_eval"),
          "--model",
          workplace().model(),
          "--data",
          data,
          "--json",
          "--seq-length",
          "32",
          "--cache-dir",
          workplace().cache(),
          "--device",
          "cpu",
          "--dtype",
          "fp32",
          "--per-document",
          file};
}

TEST(PerDocument, TheirMeanIsTheDocumentLoss) {
  const std::string file = workplace() / "per_document.jsonl";
  const Outcome o = run(measuring(workplace().eval(), file));
  ASSERT_EQ(o.code, 0) << o.err;
  const json whole = json::parse(o.out);
  std::istringstream in(read_text(file));
  double mean = 0, sum = 0;
  int64_t documents = 0, targets = 0, before = -1;
  for (std::string line; std::getline(in, line); ++documents) {
    const json d = json::parse(line);
    EXPECT_GT(d["document"].get<int64_t>(), before) << line;
    before = d["document"];
    mean += d["loss"].get<double>();
    sum += d["loss"].get<double>() * d["targets"].get<double>();
    targets += d["targets"].get<int64_t>();
  }
  EXPECT_GT(documents, 1);
  EXPECT_EQ(documents, whole["documents"].get<int64_t>());
  EXPECT_EQ(targets, whole["targets"].get<int64_t>());
  EXPECT_NEAR(mean / double(documents), whole["document_loss"].get<double>(), 1e-9);
  EXPECT_NEAR(sum / double(targets), whole["loss"].get<double>(), 1e-5);
  EXPECT_EQ(run(measuring(workplace().eval(), file)).code, 0) << "its own file is made anew";
}

// Numbers count the documents without a target too.
TEST(PerDocument, NumbersAreThoseOfTheFile) {
  const std::string data = workplace() / "with_empty.jsonl", file = workplace() / "with_empty.losses.jsonl";
  const std::string text =
      "a protein that binds the receptor of the cell and the membrane of the nucleus, as seen before";
  write_text(
      data, json{{"text", text}}.dump() + "\n" + json{{"text", ""}}.dump() + "\n" + json{{"text", text}}.dump() + "\n");
  const Outcome o = run(measuring(data, file));
  ASSERT_EQ(o.code, 0) << o.err;
  std::istringstream in(read_text(file));
  std::vector<int64_t> numbers;
  for (std::string line; std::getline(in, line);) numbers.push_back(json::parse(line)["document"]);
  EXPECT_EQ(numbers, (std::vector<int64_t>{0, 2}));
}

TEST(PerDocument, AFileOfTheUsersStays) {
  const std::string file = workplace() / "notes.txt";
  write_text(file, "mine\n");
  const Outcome o = run(measuring(workplace().eval(), file));
  EXPECT_EQ(o.code, 2);
  EXPECT_TRUE(o.out.empty());
  EXPECT_EQ(read_text(file), "mine\n");
}

}  // namespace
}  // namespace encore::test
