#include "data/tokenizer/bpe_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "data/tokenizer/byte_level_bpe.h"
#include "data/tokenizer/pretokenizer.h"
#include "data/tokenizer/tokenizer_data.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

DocumentSource source_of(const std::vector<std::string>& documents) {
  return [&documents, next = size_t(0)](std::string& document) mutable {
    if (next == documents.size()) return false;
    document = documents[next++];
    return true;
  };
}

Tokenizer train(const std::vector<std::string>& documents, int vocab_size, int64_t min_frequency = 1, int threads = 1) {
  BpeTrainerOptions options;
  options.vocab_size = vocab_size;
  options.min_frequency = min_frequency;
  options.threads = threads;
  return train_bpe(source_of(documents), options);
}

std::vector<std::string> random_documents(unsigned seed, int count) {
  std::mt19937 random(seed);
  const std::string letters = "aabbbcde  '1.\n";
  std::vector<std::string> documents;
  for (int i = 0; i < count; ++i) {
    std::string text;
    for (unsigned length = random() % 200; length > 0; --length) text += letters[random() % letters.size()];
    documents.push_back(text);
  }
  return documents;
}

// The definition of BPE, computed from the start for every merge. Symbols are spelt as in the files: most bytes as
// themselves, a blank as U+0120, a line feed as U+010A.
std::vector<std::string> learn_slowly(const std::vector<std::string>& documents, size_t merges) {
  const auto letter = [](char c) { return c == ' ' ? "\u0120" : c == '\n' ? "\u010a" : std::string(1, c); };
  std::map<std::vector<std::string>, int64_t> words;
  for (const std::string& text : documents) {
    for (size_t at = 0; at < text.size();) {
      const size_t end = PreTokenizer::instance().word_end(text, at);
      std::vector<std::string> symbols;
      for (; at < end; ++at) symbols.push_back(letter(text[at]));
      ++words[symbols];
    }
  }
  // The order of ids: bytes in the order of their letters, then merges in the order of learning.
  std::map<std::string, int> order;
  for (const char c : std::string("'.1abcde")) order.emplace(std::string(1, c), int(static_cast<unsigned char>(c)));
  order["\u010a"] = 0x10a, order["\u0120"] = 0x120;
  std::vector<std::string> result;
  while (result.size() < merges) {
    std::map<std::pair<std::string, std::string>, int64_t> counts;
    for (const auto& [symbols, count] : words)
      for (size_t i = 0; i + 1 < symbols.size(); ++i) counts[{symbols[i], symbols[i + 1]}] += count;
    if (counts.empty()) break;
    auto best = counts.begin();
    const auto rank = [&](const auto& entry) {
      return std::tuple(-entry.second, order.at(entry.first.first), order.at(entry.first.second));
    };
    for (auto at = counts.begin(); at != counts.end(); ++at)
      if (rank(*at) < rank(*best)) best = at;
    const auto [left, right] = best->first;
    result.push_back(left + " " + right);
    order.emplace(left + right, 1000 + int(order.size()));
    std::map<std::vector<std::string>, int64_t> joined;
    for (const auto& [symbols, count] : words) {
      std::vector<std::string> next;
      for (size_t i = 0; i < symbols.size(); ++i) {
        const bool here = i + 1 < symbols.size() && symbols[i] == left && symbols[i + 1] == right;
        next.push_back(here ? left + right : symbols[i]);
        i += here;
      }
      joined[next] += count;
    }
    words = joined;
  }
  return result;
}

TEST(BpeTrainer, LaysOutTheVocabularyAsRoberta) {
  const Tokenizer tokenizer = train({"aaab aaab aaab"}, 264);
  EXPECT_EQ(tokenizer.vocab_size(), 264);
  EXPECT_EQ(tokenizer.token(0), "<s>");
  EXPECT_EQ(tokenizer.token(1), "<pad>");
  EXPECT_EQ(tokenizer.token(2), "</s>");
  EXPECT_EQ(tokenizer.token(3), "<unk>");
  EXPECT_EQ(tokenizer.token(4), "!");
  EXPECT_EQ(tokenizer.id_of("\u0143"), 259) << "the last byte letter";
  EXPECT_EQ(tokenizer.token(260), "aa") << "six times, more than any other pair";
  EXPECT_EQ(tokenizer.token(263), "<mask>");
  EXPECT_EQ(tokenizer.mask_id(), 263);
  EXPECT_EQ(tokenizer.bos_id(), 0);
  EXPECT_EQ(tokenizer.pad_id(), 1);
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_EQ(tokenizer.unk_id(), 3);
  EXPECT_EQ(tokenizer.merge_count(), 3u);
}

TEST(BpeTrainer, LearnsWhatTheDefinitionSays) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    const auto documents = random_documents(seed, 20);
    const std::vector<std::string> expected = learn_slowly(documents, 150);
    ASSERT_EQ(expected.size(), 150u);
    const Tokenizer tokenizer = train(documents, 261 + 150);
    const auto& merges = dynamic_cast<const ByteLevelBpe&>(*tokenizer.data().model).merges();
    ASSERT_GE(merges.size(), expected.size()) << "more where two merges spell one token";
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(tokenizer.token(merges[i].first) + " " + tokenizer.token(merges[i].second), expected[i])
          << "seed " << seed << ", merge " << i;
  }
}

TEST(BpeTrainer, DependsNeitherOnThreadsNorOnOrder) {
  auto documents = random_documents(7, 300);
  const uint64_t expected = train(documents, 600, 2, 1).fingerprint();
  EXPECT_EQ(train(documents, 600, 2, 4).fingerprint(), expected);
  std::reverse(documents.begin(), documents.end());
  EXPECT_EQ(train(documents, 600, 2, 2).fingerprint(), expected);
  documents.pop_back();
  documents.emplace_back("zzzz zzzz zzzz zzzz zzzz zzzz zzzz zzzz zzzz zzzz zzzz zzzz");
  EXPECT_NE(train(documents, 600, 2, 2).fingerprint(), expected);
}

TEST(BpeTrainer, StopsAtTheMinimalFrequency) {
  const std::vector<std::string> documents = {"ab ab ab cd cd ef"};
  EXPECT_GE(train(documents, 400, 2).id_of("cd"), 0);
  EXPECT_EQ(train(documents, 400, 2).id_of("ef"), -1);
  EXPECT_EQ(train(documents, 400, 3).id_of("cd"), -1);
  EXPECT_GE(train(documents, 400, 3).id_of("ab"), 0);
  EXPECT_LT(train(documents, 400, 2).vocab_size(), 400);
}

TEST(BpeTrainer, WhatItLearnedEncodesItsText) {
  const auto documents = random_documents(3, 50);
  const Tokenizer tokenizer = train(documents, 500, 2);
  size_t bytes = 0, ids = 0;
  for (const std::string& text : documents) {
    const auto encoded = tokenizer.encode(text);
    EXPECT_EQ(tokenizer.decode(encoded), text);
    bytes += text.size();
    ids += encoded.size();
  }
  EXPECT_LT(ids, bytes * 2 / 3);
}

TEST(BpeTrainer, RefusesWhatCannotBe) {
  EXPECT_THROW(train({"some text"}, 260), Error);
  EXPECT_THROW(train({}, 300), Error);
  EXPECT_THROW(train({""}, 300), Error);
  EXPECT_THROW(train({"some text"}, 300, 0), Error);
}

}  // namespace
}  // namespace encore
