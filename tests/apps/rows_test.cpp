// Labelled rows from files, globs, standard input and pipes; ids and labels as people write them.
#include <nlohmann/json.hpp>

#include "tests/apps/workplace.h"

namespace encore::test {
namespace {

using nlohmann::json;

// Runs a line of bash; programs are on its PATH and the cache is the workplace's.
Outcome shell(const std::string& line) {
  return run({"bash", "-c",
              "export PATH='" + std::string(ENCORE_BINARY_DIR) + "/bin':$PATH ENCORE_CACHE='" + workplace().cache() +
                  "'; cd '" + (workplace() / "") + "' && " + line});
}

// A classifier made from rows whose labels are one number in several spellings, read from two pipes.
const std::string& classifier() {
  static const std::string path = [] {
    workplace().write(
        "train.jsonl",
        "{\"text\":\"good\",\"label\":1}\n{\"text\":\"bad\",\"label\":0}\n{\"text\":\"fine\",\"label\":1.0}\n"
        "{\"text\":\"poor\",\"label\":-0.0}\n");
    workplace().write("dev.jsonl", "{\"text\":\"good\",\"label\":1e0}\n{\"text\":\"bad\",\"label\":0}\n");
    const Outcome o =
        shell("finetune --model '" + workplace().model() +
              "' --train <(gzip -c train.jsonl) --dev - --epochs 1 --threads 1 --output task < dev.jsonl");
    EXPECT_EQ(o.code, 0) << o.err;
    return workplace() / "task/model";
  }();
  return path;
}

TEST(Rows, FinetuneFromPipesWithNumbersAsLabels) {
  const json config = json::parse(read_text(classifier() + "/config.json"));
  EXPECT_EQ(config.at("id2label"), (json{{"0", "0"}, {"1", "1"}}));
  const Outcome resumed = shell("finetune --resume --output task < /dev/null");
  EXPECT_EQ(resumed.code, 0) << resumed.err;  // the streams were copied
}

TEST(Rows, PredictGivesIdsBackFromEverySource) {
  classifier();
  const std::vector<std::string> ids{R"({"$oid": "5f1", "n": [1.0]})", "12345678901234567890123", R"("caf\u00e9")",
                                     "null", "1.0"};
  std::string rows;
  for (const std::string& id : ids) rows += "{\"id\": " + id + ", \"text\": \"good film\"}\n";
  workplace().write("rows.jsonl", rows);
  const std::string start = "predict --model task/model --threads 1 --data ";
  const Outcome file = shell(start + "rows.jsonl");
  EXPECT_EQ(file.code, 0) << file.err;
  std::istringstream in(file.out);
  std::string line;
  for (const std::string& id : ids) {
    ASSERT_TRUE(std::getline(in, line));
    EXPECT_TRUE(line.starts_with("{\"id\":" + id + ",\"label\":")) << line;
    EXPECT_TRUE(json::parse(line).contains("probabilities"));
  }
  for (const std::string& source :
       {start + "- < rows.jsonl", "cat rows.jsonl | " + start + "-", start + "<(gzip -c rows.jsonl)",
        start + "'row?.jsonl'", start + "/dev/stdin < rows.jsonl"})
    EXPECT_EQ(shell(source).out, file.out) << source;
  // A header that names the column makes a stream a table.
  const Outcome table = shell("printf 'id,text\\n7,good film\\n' | " + start + "-");
  EXPECT_TRUE(table.out.starts_with("{\"id\":7,\"label\":")) << table.out << table.err;
}

TEST(Rows, PredictPrintsRowsAsTheyAreDone) {
  classifier();
  constexpr int kRows = 6000;
  std::string rows;
  for (int i = 0; i < kRows; ++i) rows += fmt::format("{{\"id\": {}, \"text\": \"a film of {} hours\"}}\n", i, i % 7);
  workplace().write("many.jsonl", rows);
  const std::string out = workplace() / "many.out";
  Process process(
      {"bash", "-c",
       fmt::format("exec '{}' --model '{}' --data '{}' --threads 1 --seq-length 8 --tokens-per-batch 8 > '{}'",
                   program("predict"), classifier(), workplace() / "many.jsonl", out)});
  const auto printed = [&] {
    const std::string text = fs::exists(out) ? read_text(out) : "";
    return std::count(text.begin(), text.end(), '\n');
  };
  std::ptrdiff_t early = 0;
  while (early == 0 && process.running()) early = printed();
  EXPECT_GT(early, 0);
  EXPECT_LT(early, kRows) << "the first rows are there while others are computed";
  EXPECT_EQ(process.wait().code, 0);
  EXPECT_EQ(printed(), kRows);
}

TEST(Rows, EmbedFromStandardInput) {
  classifier();
  const Outcome o = shell("cat dev.jsonl | embed --model task/model --data - --threads 1 --output v.npy");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("2 vectors"), std::string::npos) << o.out;
}

TEST(Rows, TablesWithQuotesAsTheyAre) {
  classifier();
  workplace().write("q.tsv", "id\ttext\n1\t\"half\n2\tb\n");
  EXPECT_EQ(shell("predict --model task/model --threads 1 --data q.tsv").code, 2);
  const Outcome o = shell("predict --model task/model --threads 1 --data q.tsv --quote-none");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 2);
}

}  // namespace
}  // namespace encore::test
