// Documents cut into sentences.
#include <gtest/gtest.h>

#include <fstream>

#include "data/select/sentences.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using Sentences = std::vector<std::string>;

Sentences cut(std::string_view text) {
  Sentences out;
  for (const TextRange& range : sentences_of(text)) out.emplace_back(range.of(text));
  return out;
}

// The text is the sentences with a blank between them, and is cut there alone.
void expect_cut(const Sentences& sentences) {
  std::string text;
  for (const std::string& sentence : sentences) text += (text.empty() ? "" : " ") + sentence;
  EXPECT_EQ(cut(text), sentences);
}

TEST(Sentences, EndsOfSentences) {
  expect_cut({"The cells grew.", "They were counted!", "Why?", "Nobody knew\u2026", "It ended."});
  expect_cut({"Is it so?!", "It is..", "Well ...", "Then it was not."});
  expect_cut(
      {"We counted 12.", "80 were left.", "\u00c9tude no. 3 was first.", "\u0410\u0431\u0432 \u0433\u0434\u0435."});
  EXPECT_EQ(cut("No end"), (Sentences{"No end"}));
  EXPECT_EQ(cut(""), Sentences{});
  EXPECT_EQ(cut(" \t\n\n \u3000"), Sentences{});
  EXPECT_EQ(cut("...  ? "), (Sentences{"...  ?"}));
}

TEST(Sentences, SpaceAndLines) {
  EXPECT_EQ(cut("  One is here.\u00a0\u2003Two is\nthere.  \n"), (Sentences{"One is here.", "Two is\nthere."}));
  EXPECT_EQ(cut("A title\n\nA text without end\r\n \r\nmore of it"),
            (Sentences{"A title", "A text without end", "more of it"}));
  EXPECT_EQ(cut("one line\nand the next"), (Sentences{"one line\nand the next"}));
}

TEST(Sentences, Abbreviations) {
  expect_cut({"Dr. Smith and Prof. Jones saw Fig. 3 (cf. Eq. 4, e.g. Table 1, i.e. All of it) on Jan. 5."});
  expect_cut({"Brown et al. Nature 1998 said so, as did Lee et al. (2003).", "Lee et al.", "The others agree."});
  expect_cut({"He used yeast, flies, etc.", "The rest came from Acme Inc.", "However it was old."});
  expect_cut({"Argamon et al. , 1998 ; Cardie and Pierce , 1998 ."});
  expect_cut({"It is sold by Acme Inc. of Ohio and Bolt Ltd. Dover."});
  expect_cut({"See No. 5 and p. 7.", "She said no.", "He left."});
}

TEST(Sentences, InitialsAndNumbers) {
  expect_cut({"J. A. Smith and J.-P. Serre met W. H. Auden in the U.S. Army.", "It was cold."});
  expect_cut({"They went to the U.S.", "The war was over."});
  expect_cut({"E. coli grew at 0.5 mg (p < 0.05) under node.js 3.1.", "S. aureus did not."});
  expect_cut({"2. Methods were new.", "3. Results were not."});
  expect_cut({"He has a Ph.D. from Delft.", "It took until 5 p.m. Tuesday."});
  expect_cut({"It was vitamin C.", "The rest was water."});
}

TEST(Sentences, SmallLetters) {
  expect_cut({"It was lost.", "mRNA was found.", "p53 was not.", "iPhones ring!", "eIF4E binds it."});
  expect_cut({"Yahoo! is a firm and so is E! (or was it?) they say."});
  expect_cut({"The group (n. 5 of all) met sp. indet. of the family."});
}

TEST(Sentences, QuotesAndBrackets) {
  expect_cut({"He said \"Stop.\"", "\"Why?\" she asked.", "(It was late.)", "[\"Go!\"]", "'So.'", "They left."});
  expect_cut({"\u201cCome here.\u201d", "\u2018Not now.\u2019", "\u00abOui.\u00bb", "\u00bfQu\u00e9?", "Nada."});
  expect_cut({"It fell (see [3]).", "It rose [4, 5]."});
}

TEST(Sentences, WithoutSpaces) {
  EXPECT_EQ(cut("\u4ed6\u6765\u4e86\u3002\u300c\u597d\uff01\u300d\u4f60\u5462\uff1f \u5b8c"),
            (Sentences{"\u4ed6\u6765\u4e86\u3002", "\u300c\u597d\uff01\u300d", "\u4f60\u5462\uff1f", "\u5b8c"}));
}

// Whatever the text: nothing but white space is lost, in order, and no sentence has white space at its ends.
TEST(Sentences, HoldEverything) {
  const std::string letters[] = {"a", "A", "1", ".", "!", "?",      "\n",     " ",      "\"",
                                 "(", ")", "'", ",", "J", "\u3002", "\u2026", "\u00e9", "\u00a0"};
  const auto is_space = [](const std::string& text) { return text == " " || text == "\n" || text == "\u00a0"; };
  uint64_t state = 1;
  for (int round = 0; round < 3000; ++round) {
    std::string text, expected;
    for (int i = 0; i < 60; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const std::string& letter = letters[(state >> 33) % std::size(letters)];
      text += letter;
      if (!is_space(letter)) expected += letter;
    }
    std::string kept;
    for (const std::string& sentence : cut(text)) {
      for (const std::string space : {" ", "\n", "\u00a0"})
        ASSERT_FALSE(sentence.starts_with(space) || sentence.ends_with(space)) << text;
      kept += sentence;
    }
    for (const std::string space : {" ", "\n", "\u00a0"})
      for (size_t at; (at = kept.find(space)) != kept.npos;) kept.erase(at, space.size());
    ASSERT_EQ(kept, expected) << text;
  }
}

TEST(Passages, GiveDocumentsOrSentencesWithTheirPlace) {
  const std::string path = testing::TempDir() + "/passages.txt";
  std::ofstream(path) << "One is here. Two is here.\n\n \nThree.\n";
  CorpusOptions options;
  Passages sentences({path}, options, Passages::Unit::kSentence);
  std::vector<std::tuple<std::string, int64_t, int64_t, int64_t>> found;
  for (std::string text; sentences.next(text);)
    found.emplace_back(text, sentences.line(), sentences.document(), sentences.sentence());
  EXPECT_EQ(found, (decltype(found){{"One is here.", 1, 0, 0}, {"Two is here.", 1, 0, 1}, {"Three.", 4, 3, 0}}));
  EXPECT_EQ(sentences.documents(), 4);

  Passages documents({path}, options, Passages::Unit::kDocument);
  std::string text;
  int64_t count = 0;
  for (; documents.next(text); ++count) {
    EXPECT_EQ(documents.document(), count);
    EXPECT_EQ(documents.sentence(), 0);
  }
  EXPECT_EQ(count, 4);
}

}  // namespace
}  // namespace encore
