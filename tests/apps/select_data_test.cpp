// select_data as a user runs it.
#include <cstring>
#include <nlohmann/json.hpp>

#include "data/select/near/vector_search.h"
#include "tests/apps/workplace.h"
#include "train/embedding.h"

namespace encore::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class SelectData : public testing::Test {
 protected:
  SelectData() {
    task_ = write("task.jsonl",
                  "{\"text\": \"kinase binds the receptor\", \"label\": \"a\"}\n"
                  "{\"text\": \"an inhibitor of the enzyme\", \"label\": \"b\"}\n"
                  "{\"text\": \"kinase binds the receptor\", \"label\": \"a\"}\n"
                  "{\"text\": \"42 7\", \"label\": \"b\"}\n");
    test_ = write("test.jsonl", "{\"text\": \"the receptor of insulin\"}\n");
    domain_ = write("domain.txt",
                    "A receptor kinase binds insulin. Markets fell on Monday.\n"                       // sentences 0, 1
                    "the receptor of insulin\n"                                                        // 2: a test text
                    "Enzyme inhibitor studies are rare. Markets fell on Monday.\n"                     // 3, 4
                    "kinase binds the receptor\n"                                                      // 5: a task text
                    "Football was played. The enzyme was cut. Enzyme inhibitor studies are rare!\n");  // 6, 7, 8
  }
  std::string write(const std::string& name, const std::string& text) {
    write_text(folder_ / name, text);
    return folder_ / name;
  }
  // Rows of float32 as a .npy file.
  std::string write_vectors(const std::string& name, const std::vector<float>& numbers, int64_t columns) {
    const int64_t rows = int64_t(numbers.size()) / columns;
    return write(name, npy_header(rows, columns) +
                           std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)));
  }
  Words select(const std::string& output, const Words& more = {}) const {
    return Words{program("select_data"), "--task",          task_,      "--domain",      domain_,
                 "--sentences",          "--threads",       "2",        "--device",      "cpu",
                 "--cache-dir",          folder_ / "cache", "--output", folder_ / output} +
           more;
  }
  std::vector<json> rows(const std::string& file) const {
    std::vector<json> out;
    std::istringstream in(read_text(folder_ / file));
    for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
    return out;
  }
  std::vector<std::string> chosen(const std::string& file) const {
    std::vector<std::string> out;
    for (const json& row : rows(file))
      if (row["from"] == "domain") out.push_back(row["text"]);
    return out;
  }
  void expect_refused(const Words& command, const std::string& part) const {
    const Outcome o = run(command);
    EXPECT_EQ(o.code, 2) << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_NE(o.err.find(part), std::string::npos) << "no '" << part << "' in: " << o.err;
    EXPECT_FALSE(fs::exists(folder_ / "refused"));
  }
  TemporaryFolder folder_;
  std::string task_, test_, domain_;
};

TEST_F(SelectData, NeighboursByTfIdf) {
  const Outcome o =
      run(select("chosen", {"--task-exclude", test_, "--k", "1,3", "--inspect", "2", "--json", folder_ / "o.json"}));
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.err, "");
  const std::vector<json> one = rows("chosen/1nn.jsonl"), three = rows("chosen/3nn.jsonl");
  // The task's rows as they came, then what was chosen: the rows of the smaller choice come first.
  ASSERT_GE(one.size(), 4u);
  EXPECT_EQ(one[2], (json{{"text", "kinase binds the receptor"}, {"from", "task"}, {"file", task_}, {"line", 3}}));
  EXPECT_TRUE(std::equal(one.begin(), one.end(), three.begin()));
  const std::vector<std::string> texts = chosen("chosen/3nn.jsonl");
  EXPECT_EQ(chosen("chosen/1nn.jsonl"), (std::vector<std::string>{"Enzyme inhibitor studies are rare."}));
  EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()),
            (std::set<std::string>{"Enzyme inhibitor studies are rare.", "A receptor kinase binds insulin.",
                                   "The enzyme was cut.", "Enzyme inhibitor studies are rare!"}));
  const json row = three[4];
  EXPECT_EQ(row["line"], 3);
  EXPECT_EQ(row["sentence"], 0);
  EXPECT_EQ(row["rank"], 0);
  EXPECT_EQ(row["task_row"], 1);
  EXPECT_GT(row["score"].get<double>(), 0.3);

  const json ledger = json::parse(read_text(folder_ / "chosen/ledger.json"));
  EXPECT_EQ(read_text(folder_ / "o.json"), read_text(folder_ / "chosen/ledger.json"));
  EXPECT_EQ(ledger["task"]["texts"], 4);
  EXPECT_EQ(ledger["task"]["different_texts"], 3);
  EXPECT_EQ(ledger["task"]["texts_without_known_word"], 1);
  EXPECT_NE(o.out.find("1 of the task's texts hold no known word"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("line 4: '42 7'"), std::string::npos) << o.out;
  EXPECT_EQ(ledger["domain"]["texts"], 9);
  EXPECT_EQ(ledger["domain"]["documents"], 5);
  EXPECT_EQ(ledger["choices"][0]["task_text"], 1);  // sentence 5
  EXPECT_EQ(ledger["choices"][1]["task_text"], 2);  // and 2, of the test file
  EXPECT_EQ(ledger["choices"][1]["chosen"]["texts"], int64_t(texts.size()));
  EXPECT_EQ(ledger["inspected"].size(), 2u);
  EXPECT_EQ(ledger["inspected"][0]["neighbours"][0]["fate"], "task's text");
  const json& costs = ledger["training"]["costs"];
  EXPECT_EQ(costs.size(), 4u);
  EXPECT_EQ(costs[2]["documents"], 4 + int64_t(texts.size()));
  EXPECT_EQ(costs[2]["steps"], (100 * (4 + int64_t(texts.size())) + 255) / 256);
  EXPECT_EQ(costs[3]["steps"], 12500);
  EXPECT_TRUE(costs[2]["hours"].is_null());
}

TEST_F(SelectData, NearDuplicatesAndTaskTexts) {
  const Words more{"--k", "4", "--near-duplicates", "0.9"};
  ASSERT_EQ(run(select("near", more)).code, 0);
  const std::vector<std::string> texts = chosen("near/4nn.jsonl");
  EXPECT_EQ(std::count(texts.begin(), texts.end(), "Enzyme inhibitor studies are rare!"), 0);
  ASSERT_EQ(run(select("kept", more + Words{"--keep-task-texts"})).code, 0);
  const std::vector<std::string> kept = chosen("kept/4nn.jsonl");
  EXPECT_EQ(std::count(kept.begin(), kept.end(), "kinase binds the receptor"), 1);
}

TEST_F(SelectData, AtRandom) {
  ASSERT_EQ(run(select("a", {"--method", "rand", "--count", "2,5", "--seed", "3"})).code, 0);
  ASSERT_EQ(run(select("b", {"--method", "rand", "--count", "5", "--seed", "3"})).code, 0);
  ASSERT_EQ(run(select("c", {"--method", "rand", "--count", "5", "--seed", "4"})).code, 0);
  const std::vector<std::string> a = chosen("a/rand-5.jsonl");
  EXPECT_EQ(a, chosen("b/rand-5.jsonl"));
  EXPECT_NE(a, chosen("c/rand-5.jsonl"));
  EXPECT_EQ(chosen("a/rand-2.jsonl"), std::vector<std::string>(a.begin(), a.begin() + 2));
  EXPECT_EQ(std::set<std::string>(a.begin(), a.end()).size(), 5u);
  // There are 9 sentences, of which one comes twice and one is a text of the task.
  ASSERT_EQ(run(select("all", {"--method", "rand", "--count", "7"})).code, 0);
  expect_refused(select("refused", {"--method", "rand", "--count", "8"}), "only 7 of 9 sentences may be chosen");
}

TEST_F(SelectData, ByImportance) {
  const Outcome o = run(select("d", {"--method", "dsir", "--count", "3", "--top"}));
  ASSERT_EQ(o.code, 0) << o.err;
  const std::vector<std::string> texts = chosen("d/dsir-3.jsonl");
  EXPECT_EQ(texts.size(), 3u);
  EXPECT_EQ(std::count(texts.begin(), texts.end(), "Markets fell on Monday."), 0);
  EXPECT_NE(o.out.find("passages of at least 0 tokens are eligible: 9 of 9"), std::string::npos) << o.out;
  ASSERT_EQ(run(select("e", {"--method", "dsir", "--count", "3", "--hash", "fnv1a64", "--seed", "2"})).code, 0);
  expect_refused(select("refused", {"--method", "dsir", "--count", "3", "--min-tokens", "100"}), "only 0 of 9");
}

TEST_F(SelectData, ByGivenVectors) {
  if (!has_vector_search()) GTEST_SKIP() << "built without faiss";
  // Passage i points at angle i; the texts of the task at passages 8, 6, 8 and 4.
  std::vector<float> domain, task;
  const auto add = [](std::vector<float>& to, double at) {
    to.insert(to.end(), {float(std::cos(0.1 * at)), float(std::sin(0.1 * at))});
  };
  for (int i = 0; i < 9; ++i) add(domain, i);
  for (const double at : {8.0, 6.2, 8.0, 3.9}) add(task, at);
  const std::string domain_file = write_vectors("domain.npy", domain, 2),
                    task_file = write_vectors("task.npy", task, 2);
  const Words vectors{"--embedding", domain_file, "--task-embedding", task_file, "--k", "1"};
  const Outcome o = run(select("given", vectors));
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(chosen("given/1nn.jsonl"), (std::vector<std::string>{"Markets fell on Monday.", "Football was played.",
                                                                 "Enzyme inhibitor studies are rare!"}));
  expect_refused(select("refused", {"--embedding", domain_file, "--k", "1"}), "--task-embedding");
  const std::string fewer = write_vectors("fewer.npy", {1, 2, 3, 4}, 2);
  expect_refused(select("refused", {"--embedding", fewer, "--task-embedding", task_file, "--k", "1"}), "have 2 rows");
  expect_refused(select("refused", {"--embedding", domain_file, "--task-embedding", fewer, "--k", "1"}), "have 2 rows");
  domain[5] = std::nanf("");
  const std::string bad = write_vectors("bad.npy", domain, 2);
  expect_refused(select("refused", {"--embedding", bad, "--task-embedding", task_file, "--k", "1"}),
                 "row 2, column 1 is nan");
  const std::string wide = write_vectors("wide.npy", std::vector<float>(36, 1), 4);
  expect_refused(select("refused", {"--embedding", wide, "--task-embedding", task_file, "--k", "1"}),
                 "embed both alike");
}

TEST_F(SelectData, VectorsAreKeptAndMadeAnewWhenTheTextChanges) {
  if (!has_vector_search()) GTEST_SKIP() << "built without faiss";
  const Words lsa{"--embedding", "lsa", "--k", "2"};
  const Outcome first = run(select("first", lsa));
  ASSERT_EQ(first.code, 0) << first.err;
  const Outcome again = run(select("again", lsa));
  EXPECT_NE(again.out.find("are used"), std::string::npos) << again.out;
  EXPECT_EQ(chosen("first/2nn.jsonl"), chosen("again/2nn.jsonl"));
  write_text(domain_, read_text(domain_) + "An enzyme more.\n");
  const Outcome changed = run(select("changed", lsa));
  ASSERT_EQ(changed.code, 0) << changed.err;
  EXPECT_NE(changed.out.find("made anew"), std::string::npos) << changed.out;
}

TEST_F(SelectData, ByAModelWhoseSpeedIsMeasured) {
  if (!has_vector_search()) GTEST_SKIP() << "built without faiss";
  const Outcome o = run(select("model", {"--embedding", "model", "--model", workplace().model(), "--dtype", "fp32",
                                         "--k", "2", "--tokens-per-batch", "256"}));
  ASSERT_EQ(o.code, 0) << o.err;
  const json ledger = json::parse(read_text(folder_ / "model/ledger.json"));
  EXPECT_EQ(ledger["embedding"], "model");
  EXPECT_GT(ledger["task"]["tokens"].get<int64_t>(), 10);
  EXPECT_GT(ledger["training"]["tokens_per_second"].get<double>(), 0);
  EXPECT_GT(ledger["training"]["costs"][0]["hours"].get<double>(), 0);
  // Equal texts are nearest to themselves.
  const std::vector<json> chosen_rows = rows("model/2nn.jsonl");
  EXPECT_GT(chosen_rows.size(), 4u);
}

TEST_F(SelectData, ByTopics) {
  if (!has_vector_search()) GTEST_SKIP() << "built without faiss";
  const std::string run_folder = folder_ / "topics",
                    dev = write("dev.txt", "The enzyme and the receptor were studied.\nFootball on Monday.\n");
  const Outcome trained = run({program("vampire_train"),
                               "--train",
                               domain_,
                               "--dev",
                               dev,
                               "--vocabulary-size",
                               "50",
                               "--latent",
                               "4",
                               "--hidden",
                               "4",
                               "--least-sum",
                               "0",
                               "--batch-documents",
                               "4",
                               "--epochs",
                               "2",
                               "--device",
                               "cpu",
                               "--threads",
                               "2",
                               "--cache-dir",
                               folder_ / "cache",
                               "--output",
                               run_folder});
  ASSERT_EQ(trained.code, 0) << trained.err;
  for (const char* kind : {"mix", "theta"}) {
    const Outcome o = run(select(kind, {"--embedding", "vampire", "--vampire", run_folder + "/model/best",
                                        "--vampire-embedding", kind, "--k", "2"}));
    ASSERT_EQ(o.code, 0) << o.err;
    const json ledger = json::parse(read_text(folder_ / (std::string(kind) + "/ledger.json")));
    EXPECT_EQ(ledger["embedding"], "vampire");
    // Shares of all topics of a text sum to 1, and the model has fewer than a ledger lists.
    ASSERT_FALSE(ledger["topics"].empty());
    double task = 0, domain = 0, chosen = 0;
    for (const json& topic : ledger["topics"]) {
      EXPECT_FALSE(topic["words"].empty());
      task += topic["task"].get<double>(), domain += topic["domain"].get<double>();
      chosen += topic["choices"][0].get<double>();
    }
    for (const double sum : {task, domain, chosen}) EXPECT_NEAR(sum, 1, 1e-4);
    EXPECT_EQ(ledger["search"]["columns"], 4);
    EXPECT_EQ(ledger["task"]["texts_without_known_word"], 1);
    // The other kind of vectors replaces the first one's.
    EXPECT_EQ(o.out.find("made anew") != std::string::npos, std::string(kind) == "theta") << o.out;
  }
  expect_refused(select("refused", {"--embedding", "vampire", "--k", "1"}), "needs --vampire");
  expect_refused(select("refused", {"--embedding", "vampire", "--vampire", folder_ / "cache", "--k", "1"}),
                 "config.json");
  expect_refused(select("refused", {"--vampire", run_folder, "--k", "1"}), "--vampire is of --embedding vampire");
}

TEST_F(SelectData, Refusals) {
  expect_refused(select("refused", {"--k", "10"}), "--k 10: the domain has 9 sentences");
  expect_refused(select("refused", {"--k", "5,5"}), "names a number twice");
  expect_refused(select("refused", {"--k", "5,x"}), "give numbers from 1 on");
  expect_refused(select("refused", {"--k", "0"}), "give numbers from 1 on");
  expect_refused(select("refused", {"--count", "5"}), "--count is of --method rand and dsir");
  expect_refused(select("refused", {"--method", "rand"}), "needs --count");
  expect_refused(select("refused", {"--method", "rand", "--count", "2", "--k", "3"}), "--k is of --method knn");
  expect_refused(select("refused", {"--embedding", "model"}), "needs --model");
  expect_refused(select("refused", {"--embedding", "word2vec"}), "tfidf, lsa, vampire, model");
  expect_refused(select("refused", {"--task-exclude", domain_}), "both name the file");
  const std::string link = folder_ / "link.txt";
  fs::create_symlink(domain_, link);
  expect_refused(Words{program("select_data"), "--task", link, "--domain", domain_, "--output", folder_ / "refused"},
                 "--task and --domain both name the file");
  const std::string blank = write("blank.txt", "\n\n");
  expect_refused(Words{program("select_data"), "--task", task_, "--domain", blank, "--output", folder_ / "refused"},
                 "no text");
  const std::string one = write("one.txt", "enzyme enzyme\nenzyme\n");
  expect_refused(
      Words{program("select_data"), "--task", task_, "--domain", one, "--k", "1", "--output", folder_ / "refused"},
      "word");
  const std::string unknown = write("unknown.txt", "zzz qqq\n");
  expect_refused(Words{program("select_data"), "--task", unknown, "--domain", domain_, "--k", "1", "--output",
                       folder_ / "refused"},
                 "no text of the task");
  fs::create_directory(folder_ / "full");
  write_text(folder_ / "full/file", "x");
  expect_refused(select("full"), "--output");
  expect_refused(select("refused", {"--task-exclude", folder_ / "missing.jsonl"}), "missing.jsonl");
  expect_refused(select("refused", {"--near-duplicates", "1.5"}), "--near-duplicates");
}

}  // namespace
}  // namespace encore::test
