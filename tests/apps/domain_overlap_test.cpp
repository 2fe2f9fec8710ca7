// domain_overlap as a user runs it.
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/select/overlap/overlap_text.h"
#include "report/frame.h"
#include "tests/apps/workplace.h"

namespace encore::test {
namespace {

using nlohmann::json;

Words overlap(const Words& corpora, const Words& more = {}) {
  Words words{program("domain_overlap"), "--threads", "2", "--corpus"};
  words.insert(words.end(), corpora.begin(), corpora.end());
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class DomainOverlap : public testing::Test {
 protected:
  DomainOverlap() {
    write("biomed.txt", "Cells divide, cells grow.\nThe cell is a cell\n");
    write("News.jsonl", "{\"text\": \"Markets grow and cells, too\"}\n{\"text\": \"markets divide\"}\n");
    write("odd.csv", "text\n\"Nothing, \"\"shared\"\"\"\nreally\n");
  }
  std::string write(const std::string& name, const std::string& text) {
    write_text(folder_ / name, text);
    return folder_ / name;
  }
  // "NAME=FILE" of the three files.
  Words corpora() const {
    return {folder_ / "biomed.txt", folder_ / "News.jsonl", "an \"odd\", one=" + folder_ / "odd.csv"};
  }
  TemporaryFolder folder_;
};

void expect_refused(const Words& command, const std::string& part) {
  const Outcome o = run(command);
  EXPECT_EQ(o.code, 2) << o.err;
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  EXPECT_NE(o.err.find(part), std::string::npos) << "no '" << part << "' in: " << o.err;
}

TEST_F(DomainOverlap, EveryOutputHasTheSameFigures) {
  const std::string csv = folder_ / "o.csv", file = folder_ / "o.json", svg = folder_ / "o.svg",
                    page = folder_ / "o.html";
  const Words more{"--top", "3", "--csv", csv, "--json", file, "--svg", svg, "--html", page};
  // Types: biomed cells, cell, divide, grow; News markets, cells, divide, grow; the last shared, really.
  for (int times = 0; times < 2; ++times) {  // the second run replaces what the first one wrote
    const Outcome o = run(overlap(corpora(), more));
    ASSERT_EQ(o.code, 0) << o.err;
    EXPECT_EQ(o.err, "");
    EXPECT_NE(o.out.find("shared words among the 2 most frequent"), std::string::npos) << o.out;
    EXPECT_NE(o.out.find("K is 2 instead of 3, since 'an \"odd\", one' has no more types"), std::string::npos) << o.out;
    EXPECT_NE(o.out.find("published"), std::string::npos) << o.out;
  }
  const json result = json::parse(read_text(file));
  EXPECT_EQ(result["program"], "domain_overlap");
  EXPECT_EQ(result["measure"], "shared");
  EXPECT_EQ(result["K"], 3);
  EXPECT_EQ(result["K_used"], 2);
  // Top 2: cell and cells, both twice; markets twice, and cells before divide and grow.
  EXPECT_EQ(result["percent"], json::parse("[[100, 50, 0], [50, 100, 0], [0, 0, 100]]"));
  EXPECT_EQ(result["published"]["corpora"], json::parse(R"(["biomed", "News"])"));
  EXPECT_EQ(result["published"]["percent"], json::parse("[[100, 24.9], [24.9, 100]]"));
  const json& biomed = result["corpora"][0];
  EXPECT_EQ(biomed["documents"], 2);
  EXPECT_EQ(biomed["words"], 6);
  EXPECT_EQ(biomed["types"], 4);
  EXPECT_EQ(biomed["most_frequent"], json::parse(R"([["cell", 2], ["cells", 2], ["divide", 1]])"));
  EXPECT_EQ(read_text(csv),
            "corpus,percent biomed,percent News,\"percent an \"\"odd\"\", one\",published percent biomed,"
            "published percent News,measure,documents,words,types,mlm loss in nats,tokens a word\r\n"
            "biomed,100,50,0,100,24.9,shared top 2,2,6,4,,\r\n"
            "News,50,100,0,24.9,100,shared top 2,2,5,4,,\r\n"
            "\"an \"\"odd\"\", one\",0,0,100,,,shared top 2,2,2,2,,\r\n");
  for (const std::string& drawn : {read_text(svg), read_text(page)}) {
    EXPECT_NE(drawn.find("biomed and News: 50.00 %"), std::string::npos);
    EXPECT_NE(drawn.find("an &quot;odd&quot;, one"), std::string::npos);
    EXPECT_EQ(drawn.find("an \"odd\""), std::string::npos);
  }
}

TEST_F(DomainOverlap, Jaccard) {
  const std::string file = folder_ / "j.json";
  Outcome o = run(overlap(corpora(), {"--measure", "jaccard", "--min-df", "1", "--json", file}));
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out.find("published"), std::string::npos) << "another measure than the published one: " << o.out;
  const json result = json::parse(read_text(file));
  EXPECT_EQ(result["min_df"], 1);
  // cells, divide, grow of these and of cell, markets.
  EXPECT_EQ(result["percent"], json::parse("[[100, 60, 0], [60, 100, 0], [0, 0, 100]]"));
}

TEST_F(DomainOverlap, FewDocumentsAreSpread) {
  std::string text;
  for (int i = 0; i < 10; ++i) text += "word" + std::to_string(i) + "\n";
  const std::string many = write("many.txt", text), file = folder_ / "few.json";
  const Outcome o = run(overlap({many, folder_ / "biomed.txt"}, {"--documents", "2", "--json", file}));
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("'many': 2 of 10 documents, spread evenly"), std::string::npos) << o.out;
  const json corpus = json::parse(read_text(file))["corpora"][0];
  EXPECT_EQ(corpus["documents"], 2);
  EXPECT_EQ(corpus["all_documents"], 10);
  EXPECT_EQ(corpus["most_frequent"], json::parse(R"([["word0", 1], ["word5", 1]])"));
}

// The loss is mlm_eval's on the same documents, to the bit.
TEST_F(DomainOverlap, ModelFigures) {
  const TinyWorkplace& place = workplace();
  const std::string file = folder_ / "m.json";
  const Words computing{"--model", place.model(), "--threads", "1", "--device", "cpu", "--dtype", "fp32"};
  const auto figures = [&](const std::string& documents) {
    Words words = overlap({"a=" + place.train(), "b=" + place.eval()}, {"--json", file, "--loss-documents", documents});
    words.insert(words.end(), computing.begin(), computing.end());
    const Outcome o = run(words);
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_NE(o.out.find("tokens a word"), std::string::npos) << o.out;
    return json::parse(read_text(file))["corpora"][0]["model"];
  };
  const auto evaluated = [&](const std::string& data) {
    Words words{program("mlm_eval"), "--data", data, "--json", "--cache-dir", folder_ / "cache"};
    words.insert(words.end(), computing.begin(), computing.end());
    return json::parse(run(words).out);
  };
  json all = figures("1000");
  const json expected = evaluated(place.train());
  EXPECT_EQ(all["mlm_loss_nats"], expected["loss"]);
  EXPECT_EQ(all["targets"], expected["targets"]);
  EXPECT_EQ(all["documents"], 200);
  // Every second of the 200 documents.
  std::istringstream lines(read_text(place.train()));
  std::string half, words;
  int64_t spaced = 0, tokens = 0;
  const Tokenizer tokenizer = Tokenizer::load(place.model());
  int number = 0;
  for (std::string line; std::getline(lines, line); ++number) {
    if (number % 2) continue;
    half += line + "\n";
    std::istringstream pieces(line);
    while (pieces >> words) ++spaced;
    tokens += int64_t(tokenizer.encode(line).size());
  }
  const json sample = figures("100");
  EXPECT_EQ(sample["mlm_loss_nats"], evaluated(write("half.txt", half))["loss"]);
  EXPECT_EQ(sample["documents"], 100);
  EXPECT_EQ(sample["spaced_words"], spaced);
  EXPECT_EQ(sample["tokens"], tokens);
  EXPECT_DOUBLE_EQ(sample["tokens_per_word"].get<double>(), double(tokens) / double(spaced));
}

TEST_F(DomainOverlap, Refusals) {
  const std::string a = folder_ / "biomed.txt", b = folder_ / "News.jsonl", none = folder_ / "none.txt";
  fs::create_symlink(a, folder_ / "link.txt");
  expect_refused({program("domain_overlap")}, "--corpus");
  expect_refused({program("domain_overlap"), "--data", a, b}, "--corpus");
  expect_refused(overlap({a}), "at least two corpora");
  expect_refused(overlap({"x=" + a, "x=" + b}), "two corpora are named 'x'");
  expect_refused(overlap({"x=" + a, "y=" + folder_ / "link.txt"}), "both of the file");
  expect_refused(overlap({a, none}), "none.txt");
  expect_refused(overlap({a, "x=" + none}), "none.txt");
  expect_refused(overlap({a, b}, {"--measure", "cosine"}), "--measure");
  expect_refused(overlap({a, b}, {"--top", "0"}), "--top");
  expect_refused(overlap({a, b}, {"--measure", "jaccard", "--top", "5"}), "--top is of --measure shared");
  expect_refused(overlap({a, b}, {"--min-df", "5"}), "--min-df is of --measure jaccard");
  expect_refused(overlap({a, b}, {"--measure", "jaccard", "--min-df", "9"}), "lower --min-df");
  expect_refused(overlap({a, b, "w=" + write("w.txt", "the a\n1 2 !\n")}), "corpus 'w': no word in 2 documents");
  expect_refused(overlap({a, write("bad.jsonl", "{\"body\": \"x\"}\n")}), "no field 'text'");
  expect_refused(overlap({a, b}, {"--model", folder_ / "nothing"}), "nothing");
  // Nothing of the user's is replaced.
  const std::string notes = write("notes.html", "mine\n");
  for (const char* flag : {"--csv", "--json", "--svg", "--html"}) {
    expect_refused(overlap({a, b}, {flag, notes}), "did not write it");
    expect_refused(overlap({"x=" + a, "y=" + b}, {flag, a}), "a file that is read");
    expect_refused(overlap({"x=" + a, "y=" + b}, {flag, folder_ / "link.txt"}), "a file that is read");
    expect_refused(overlap({a, b}, {flag, folder_ / "nowhere/x"}), "there is no folder");
  }
  expect_refused(overlap({a, b}, {"--csv", folder_ / "x", "--svg", folder_ / "x"}), "two outputs name this file");
  // Nor is a page of report, though the project wrote it.
  const std::string page = write("report.html", page_frame("dapt-1", "dapt-1", "", "", json::object()));
  expect_refused(overlap({a, b}, {"--html", page}), "did not write it");
  EXPECT_EQ(read_text(notes), "mine\n");
  EXPECT_FALSE(fs::exists(folder_ / "x"));
}

}  // namespace
}  // namespace encore::test
