// Corpora by name, their word counts, and what they have in common.
#include <cmath>
#include <map>
#include <set>

#include "data/select/overlap/overlap.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using fixtures::TempDir;

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class Select : public testing::Test {
 protected:
  CorpusVocabulary vocabulary(const std::string& text, const OverlapOptions& options) {
    const std::string name = "corpus" + std::to_string(written_++);
    return read_vocabulary({.name = name, .paths = {dir_.write(name + ".txt", text)}}, {}, options);
  }
  TempDir dir_;
  int written_ = 0;
};

TEST_F(Select, CorporaByName) {
  const std::string a = dir_.write("a.b.txt", "x\n"), b = dir_.write("b=1,2.txt", "x\n"),
                    c = dir_.write("c.txt", "x\n"), d1 = dir_.write("d1.txt", "x\n"), d2 = dir_.write("d2.txt", "x\n");
  const auto corpora = parse_corpora({a, b, "both=" + c + "," + dir_.file("d*.txt")});
  ASSERT_EQ(corpora.size(), 3u);
  EXPECT_EQ(corpora[0].name, "a");
  EXPECT_EQ(corpora[0].paths, std::vector{a});
  EXPECT_EQ(corpora[1].name, "b=1,2");  // a file of that name is there
  EXPECT_EQ(corpora[1].paths, std::vector{b});
  EXPECT_EQ(corpora[2].name, "both");
  EXPECT_EQ(corpora[2].paths, (std::vector{c, d1, d2}));
  EXPECT_EQ(parse_corpora({"x=" + b, a})[0].paths, std::vector{b});
}

TEST_F(Select, CorporaThatAreRefused) {
  const std::string a = dir_.write("a.txt", "x\n"), b = dir_.write("b.txt", "x\n"), link = dir_.file("link.txt"),
                    hard = dir_.file("hard.txt");
  std::filesystem::create_symlink(a, link);
  std::filesystem::create_hard_link(a, hard);
  const auto refused = [&](const std::vector<std::string>& texts) { return refusal([&] { parse_corpora(texts); }); };
  EXPECT_EQ(refused({"x=" + a, "y=" + b}), "");
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{}, "no corpus was given"},
      {{"x=" + a}, "one corpus, 'x', was given"},
      {{"x=" + a, "x=" + b}, "two corpora are named 'x'"},
      {{a, "a=" + b}, "two corpora are named 'a'"},
      {{"x=" + a, "y=" + a}, "corpora 'x' and 'y' are both of the file " + a},
      {{"x=" + a, "y=" + dir_.path() + "/./a.txt"}, "also named " + a},
      {{"x=" + a, "y=" + b + "," + link}, "also named " + a},
      {{"x=" + a, "y=" + hard}, "also named " + a},
      {{"x=" + a, "y=" + dir_.file("none.txt")}, "none.txt: cannot open"},
      {{"x=" + a, dir_.file("none.txt")}, "none.txt: cannot open"},
      {{"x=" + a, dir_.file("b*.txt")}, "has no name: write NAME="},
      {{"x=" + a, "-"}, "has no name: write NAME=-"},
      {{"x=" + a, "=" + b}, "has no name"},
      {{"x=" + a, "y\nz=" + b}, "one line"},
      {{"x=" + a, "y="}, "empty file name"},
      {{"x=" + a, "y=" + b + ","}, "empty file name"},
  };
  for (const auto& [texts, part] : cases)
    EXPECT_NE(refused(texts).find(part), std::string::npos) << "'" << part << "' is not in: " << refused(texts);
}

TEST_F(Select, CountsDoNotDependOnThreads) {
  // Words of every frequency, and many that occur once: the tables of two threads differ.
  std::string text;
  std::map<std::string, std::pair<int64_t, std::set<int>>> expected;
  for (int d = 0; d < 3000; ++d) {
    for (int i = 0; i < 20; ++i) {
      const std::string word = "w" + std::to_string((d * 20 + i) % (i < 10 ? 60000 : 50 + d % 7));
      text += word + (i % 3 ? " " : ", ");
      ++expected[word].first;
      expected[word].second.insert(d);
    }
    text += "\n";
  }
  const std::string path = dir_.write("text.txt", text);
  for (const int threads : {1, 2, 5})
    for (const size_t piece : {size_t(1), size_t(1) << 12, size_t(1) << 30}) {
      Documents documents({path}, {});
      int64_t told = 0;
      const WordCounts counts =
          count_words(documents, {.threads = threads, .piece_bytes = piece, .read = [&](int64_t n) { told += n; }});
      EXPECT_EQ(counts.documents, 3000);
      EXPECT_EQ(told, int64_t(text.size()));
      EXPECT_EQ(counts.tokens, 60000);
      ASSERT_EQ(counts.words.size(), expected.size());
      for (size_t i = 0; i < counts.words.size(); ++i) {
        const WordCount& word = counts.words[i];
        ASSERT_EQ(word.count, expected[word.word].first) << word.word;
        ASSERT_EQ(word.documents, int64_t(expected[word.word].second.size())) << word.word;
        if (i == 0) continue;
        const WordCount& before = counts.words[i - 1];
        ASSERT_TRUE(before.count > word.count || (before.count == word.count && before.word < word.word));
      }
    }
}

// Up to 15 bytes a word is a key of its own; around that, words that differ in the last or in the first byte, and ones
// that begin like another.
TEST_F(Select, WordsOfAnySize) {
  std::map<std::string, int64_t> expected;
  std::string text;
  for (const size_t size : {2, 7, 8, 9, 14, 15, 16, 17, 24, 255, 256, 5000})
    for (const char first : {'x', 'y'})
      for (const char last : {'p', 'q'}) {
        const std::string word = first + std::string(size - 2, 'a') + last;
        for (size_t times = 0; times <= size % 5; ++times, ++expected[word]) text += word + "\n";
      }
  Documents documents({dir_.write("sizes.txt", text)}, {});
  const WordCounts counts = count_words(documents, {.threads = 3, .piece_bytes = 1});
  std::map<std::string, int64_t> found;
  for (const WordCount& word : counts.words) found[word.word] = word.count;
  EXPECT_EQ(found, expected);
}

TEST_F(Select, CountsThatAreKept) {
  const std::string path = dir_.write("text.txt", "the bb aa cc cc\nbb dd dd dd aa\n\u00e9\u00e9 bb\n");
  const auto counted = [&](CountOptions options) {
    Documents documents({path}, {});
    options.stop_words = english_stop_words();
    const WordCounts counts = count_words(documents, options);
    std::vector<std::string> words;
    for (const WordCount& word : counts.words) words.push_back(word.word);
    EXPECT_EQ(counts.tokens, 11);
    return std::pair(counts.types, words);
  };
  using Kept = std::pair<int64_t, std::vector<std::string>>;
  EXPECT_EQ(counted({}), (Kept{5, {"bb", "dd", "aa", "cc", "\u00e9\u00e9"}}));
  EXPECT_EQ(counted({.keep = 3}), (Kept{5, {"bb", "dd", "aa"}}));  // aa and cc: a tie at the cut, by code point
  EXPECT_EQ(counted({.least_documents = 2}), (Kept{2, {"bb", "aa"}}));
  EXPECT_EQ(counted({.least_documents = 2, .keep = 1}), (Kept{2, {"bb"}}));
}

TEST_F(Select, ErrorsOfAnyThreadEndTheCount) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "{\"text\": \"one two\"}\n";
  const std::string path = dir_.write("bad.jsonl", text + "{\"body\": \"x\"}\n");
  for (const int threads : {1, 4}) {
    Documents documents({path}, {});
    EXPECT_NE(refusal([&] { count_words(documents, {.threads = threads, .piece_bytes = 100}); }).find("line 2001"),
              std::string::npos);
  }
}

TEST_F(Select, DocumentsSpreadEvenly) {
  std::string text;
  for (int i = 0; i < 10; ++i) text += std::to_string(i) + "\n";
  const std::string path = dir_.write("ten.txt", text);
  EXPECT_EQ(count_documents({path}, {}), 10);
  const auto taken = [&](std::optional<int64_t> wanted) {
    Documents documents({path}, {}, wanted, 10);
    std::string all, one;
    while (documents.next(one)) all += one;
    EXPECT_FALSE(documents.next(one));
    return all;
  };
  EXPECT_EQ(taken({}), "0123456789");
  EXPECT_EQ(taken(3), "036");
  EXPECT_EQ(taken(4), "0257");
  EXPECT_EQ(taken(1), "0");
  EXPECT_EQ(taken(10), "0123456789");
  EXPECT_EQ(taken(11), "0123456789");
}

TEST_F(Select, SharedWords) {
  const OverlapOptions options{.top = 4};
  // By count: aa 3, bb 2, cc and dd 1; of the second ee 2, then aa, bb, cc, dd.
  const Overlap overlap =
      compare({vocabulary("aa aa aa bb bb cc dd\n", options), vocabulary("ee ee aa bb cc dd\n", options)}, options);
  EXPECT_EQ(overlap.top_used, 4);
  EXPECT_EQ(overlap.percent, (std::vector<std::vector<double>>{{100, 75}, {75, 100}}));
  // K falls to the fewest types.
  const Overlap few = compare({vocabulary("aa bb\n", options), vocabulary("aa aa cc cc bb\n", options)}, options);
  EXPECT_EQ(few.top_used, 2);
  EXPECT_EQ(few.percent[0][1], 50);
}

TEST_F(Select, Jaccard) {
  const OverlapOptions options{.measure = OverlapMeasure::kJaccard, .min_documents = 2};
  const Overlap overlap = compare(
      {vocabulary("aa bb\naa bb\ncc cc cc\n", options), vocabulary("aa dd ee\naa dd ee\ncc\n", options)}, options);
  EXPECT_EQ(overlap.corpora[0].counts.types, 2);
  EXPECT_EQ(overlap.percent[0][1], 25);  // aa of aa, bb, dd, ee
  EXPECT_NE(refusal([&] { vocabulary("aa\nbb\n", options); }).find("lower --min-df"), std::string::npos);
}

TEST_F(Select, CorporaWithoutWords) {
  const NamedCorpus nothing{.name = "nothing", .paths = {dir_.write("nothing.txt", "a\nthe\n1 2 3\n")}};
  EXPECT_NE(refusal([&] { check_has_words(nothing, {}); }).find("corpus 'nothing': no word in 3 documents"),
            std::string::npos);
  check_has_words({.name = "one", .paths = {dir_.write("one.txt", "a\nthe\nword\n")}}, {});
}

TEST_F(Select, SpacedWords) {
  EXPECT_EQ(count_spaced_words(""), 0);
  EXPECT_EQ(count_spaced_words(" a bc-d\t\nx\u3000y\u200bz\u00a0"), 4);
}

TEST_F(Select, FewDocuments) {
  OverlapOptions options{.documents = 2};
  const CorpusVocabulary half = vocabulary("aa\nbb\ncc\ndd\n", options);
  EXPECT_EQ(half.all_documents, 4);
  EXPECT_EQ(half.counts.documents, 2);
  ASSERT_EQ(half.counts.words.size(), 2u);
  EXPECT_EQ(half.counts.words[1].word, "cc");
}

}  // namespace
}  // namespace encore
