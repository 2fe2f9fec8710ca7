// Overlap of vocabularies against the pinned vectors of an independent implementation.
#include "data/select/overlap/overlap.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/methods/methods_folder.h"

namespace encore::test {
namespace {

using nlohmann::json;

// Figures are recorded with 9 to 12 digits.
void expect_close(double value, double expected, const std::string& what) {
  EXPECT_NEAR(value, expected, 1e-9 * std::max(1.0, std::abs(expected))) << what;
}

class OverlapVectors : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = methods_folder("overlap");
    if (folder_.empty()) GTEST_SKIP() << kNoVectors;
    std::ifstream(folder_ + "/expected.json") >> expected_;
    for (std::ifstream in(folder_ + "/stop_words_sklearn_english.txt"); std::getline(in, word_);)
      stop_words_.push_back(word_);
  }
  NamedCorpus corpus(const std::string& name) const {
    return {.name = name, .paths = {folder_ + "/" + name + ".jsonl"}};
  }
  // The corpora of a list {"a b": percent}.
  static std::vector<std::string> names_of(const json& percent) {
    std::vector<std::string> names;
    for (const auto& [pair, value] : percent.items())
      if (const size_t blank = pair.find(' '); pair.substr(0, blank) == pair.substr(blank + 1))
        names.push_back(pair.substr(0, blank));
    return names;
  }
  Overlap compared(const std::vector<std::string>& names, const OverlapOptions& options) const {
    std::vector<CorpusVocabulary> vocabularies;
    for (const std::string& name : names) vocabularies.push_back(read_vocabulary(corpus(name), {}, options));
    return compare(std::move(vocabularies), options);
  }
  void expect_percent(const Overlap& overlap, const json& percent) const {
    for (size_t a = 0; a < overlap.corpora.size(); ++a)
      for (size_t b = 0; b < overlap.corpora.size(); ++b) {
        const std::string pair = overlap.corpora[a].name + " " + overlap.corpora[b].name;
        if (percent.contains(pair)) expect_close(overlap.percent[a][b], percent[pair], pair);
        EXPECT_EQ(overlap.percent[a][b], overlap.percent[b][a]) << pair;
      }
  }

  std::string folder_, word_;
  json expected_;
  std::vector<std::string> stop_words_;
};

TEST_F(OverlapVectors, StopWords) {
  const auto ours = english_stop_words();
  EXPECT_EQ(std::vector<std::string>(ours.begin(), ours.end()), stop_words_);
  EXPECT_EQ(int64_t(ours.size()), expected_["stop_words"].get<int64_t>());
}

TEST_F(OverlapVectors, Counts) {
  for (const auto& [name, documents] : expected_["documents"].items()) {
    const CorpusVocabulary vocabulary = read_vocabulary(corpus(name), {}, {.top = 1 << 30});
    EXPECT_EQ(vocabulary.counts.documents, documents.get<int64_t>()) << name;
    EXPECT_EQ(vocabulary.counts.tokens, expected_["tokens"][name].get<int64_t>()) << name;
    EXPECT_EQ(vocabulary.counts.types, expected_["types"][name].get<int64_t>()) << name;
    const json& top = name == "edge" ? expected_["edge"]["top"] : expected_["top_50"][name];
    ASSERT_GE(vocabulary.counts.words.size(), top.size()) << name;
    for (size_t i = 0; i < top.size(); ++i) {
      EXPECT_EQ(vocabulary.counts.words[i].word, top[i][0].get<std::string>()) << name << " " << i;
      EXPECT_EQ(vocabulary.counts.words[i].count, top[i][1].get<int64_t>()) << name << " " << i;
    }
  }
}

TEST_F(OverlapVectors, WordsOfEachText) {
  Documents documents({folder_ + "/edge.jsonl"}, {});
  WordCutter cutter(WordPattern::kTwoOrMore);
  std::string text;
  for (const json& expected : expected_["edge"]["per_document"]) {
    ASSERT_TRUE(documents.next(text));
    std::vector<std::string> words;
    cutter.cut(text, [&](std::string_view word) { words.emplace_back(word); });
    EXPECT_EQ(words, expected.get<std::vector<std::string>>()) << text;
  }
}

TEST_F(OverlapVectors, SharedTopWords) {
  for (const json& row : expected_["overlap"]) {
    const Overlap overlap = compared(names_of(row["percent"]), {.top = row["K"]});
    EXPECT_EQ(overlap.top_used, row["K_used"].get<int64_t>());
    expect_percent(overlap, row["percent"]);
  }
}

TEST_F(OverlapVectors, Jaccard) {
  for (const json& row : expected_["jaccard"]) {
    const Overlap overlap = compared(
        names_of(row["percent"]), {.measure = OverlapMeasure::kJaccard, .min_documents = row["min_df"].get<int64_t>()});
    expect_percent(overlap, row["percent"]);
    for (const CorpusVocabulary& c : overlap.corpora)
      EXPECT_EQ(c.counts.types, row["types"][c.name].get<int64_t>()) << c.name;
  }
}

}  // namespace
}  // namespace encore::test
