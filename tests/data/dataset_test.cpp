#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include "data/sequences/batching.h"
#include "data/sequences/masking.h"
#include "kernels/base/rng.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;
using Strings = std::vector<std::string>;

const Objective& objective() {
  static const auto masking = make_masking({.mlm_probability = 0.3}, byte_tokenizer());
  return *masking;
}

// Each sequence of an example with its masks undone: '<' for <s>, '>' for </s>.
Strings sequences_of(const SequenceSet& set, int64_t example) {
  PackedBatch batch;
  set.append(example, 0, objective(), batch);
  for (int64_t t = 0; t < batch.targets(); ++t) batch.ids[batch.target_rows[t]] = batch.target_labels[t];
  Strings out;
  for (int64_t n = 0; n < batch.sequences(); ++n) {
    std::string& s = out.emplace_back();
    for (int32_t r = batch.cu_seqlens[n]; r < batch.cu_seqlens[n + 1]; ++r)
      s += batch.ids[r] == kBos ? '<' : batch.ids[r] == kEos ? '>' : char(batch.ids[r] - 4);
  }
  return out;
}

// Sequences of an example joined by blanks.
Strings examples_of(const SequenceSet& set) {
  Strings out;
  for (int64_t e = 0; e < set.examples(); ++e) {
    std::string& line = out.emplace_back();
    for (const std::string& s : sequences_of(set, e)) line += (line.empty() ? "" : " ") + s;
  }
  return out;
}

struct Corpus {
  TempDir dir;
  DatasetOptions options;
  explicit Corpus(const Strings& documents) {
    std::string text;
    for (const std::string& d : documents) {
      text += "{\"text\": \"";
      for (char c : d) text += c == '\n' ? std::string("\\n") : std::string(1, c);
      text += "\"}\n";
    }
    options.cache = {.corpus = {.files = {dir.write("corpus.jsonl", text)}}, .dir = dir.path(), .threads = 1};
  }
  Dataset open(SequenceMode mode, int64_t seq_length) {
    options.layout.mode = mode;
    options.layout.seq_length = seq_length;
    return Dataset::open(options, byte_tokenizer());
  }
};

TEST(Dataset, Truncate) {
  Corpus corpus({"abcdefgh", "xy", "", "12345", "6789ab"});
  const Dataset data = corpus.open(SequenceMode::kTruncate, 7);
  EXPECT_EQ(examples_of(*data.train()), (Strings{"<abcde>", "<xy>", "<12345>", "<6789a>"}));
  const Ledger& l = data.ledger();
  EXPECT_EQ(l.tokens_in, 21);
  EXPECT_EQ(l.tokens_train, 17);
  EXPECT_EQ(l.tokens_truncated, 4);
  EXPECT_EQ(l.documents_in, 5);
  EXPECT_EQ(l.documents_empty, 1);
  EXPECT_EQ(l.specials_added, 8);
  EXPECT_TRUE(l.adds_up());
  EXPECT_EQ(data.train()->document_of(2), 3);
  EXPECT_EQ(data.held_out()->examples(), 0);
}

TEST(Dataset, Split) {
  Corpus corpus({"abcdefgh", "xy", "12345"});
  EXPECT_EQ(examples_of(*corpus.open(SequenceMode::kSplit, 5).train()),
            (Strings{"<abc>", "<def>", "<gh>", "<xy>", "<123>", "<45>"}));
  corpus.options.layout.stride = 1;
  const Dataset data = corpus.open(SequenceMode::kSplit, 5);
  EXPECT_EQ(examples_of(*data.train()), (Strings{"<abc>", "<cde>", "<efg>", "<gh>", "<xy>", "<123>", "<345>"}));
  EXPECT_EQ(data.ledger().tokens_train, 15);
  EXPECT_EQ(data.ledger().tokens_repeated, 4);
  EXPECT_TRUE(data.ledger().adds_up());
  corpus.options.layout.stride = 2;
  EXPECT_EQ(examples_of(*corpus.open(SequenceMode::kSplit, 5).train()),
            (Strings{"<abc>", "<bcd>", "<cde>", "<def>", "<efg>", "<fgh>", "<xy>", "<123>", "<234>", "<345>"}));
}

TEST(Dataset, Pack) {
  Corpus corpus({"ab\ncd\nefg", "lmnopqrstuv\nw\nxy", "\n\n\n\n\n\n\n"});
  // 6 tokens of text: "ab\ncd\n" fit whole; the long line is cut and its rest is filled up with the next line.
  EXPECT_EQ(examples_of(*corpus.open(SequenceMode::kPack, 8).train()),
            (Strings{"<ab\ncd\n>", "<efg>", "<lmnopq>", "<rstuv\n>", "<w\nxy>", "<\n\n\n\n\n\n>", "<\n>"}));
  EXPECT_EQ(examples_of(*corpus.open(SequenceMode::kPack, 6).train()),
            (Strings{"<ab\n>", "<cd\n>", "<efg>", "<lmno>", "<pqrs>", "<tuv\n>", "<w\nxy>", "<\n\n\n\n>", "<\n\n\n>"}));
  EXPECT_EQ(examples_of(*corpus.open(SequenceMode::kPack, 100).train()),
            (Strings{"<ab\ncd\nefg>", "<lmnopqrstuv\nw\nxy>", "<\n\n\n\n\n\n\n>"}));
}

TEST(Dataset, Full) {
  Corpus corpus({"aaaaa", "bb", "", "cccccccc", "d", "e", "fffff"});
  const Dataset data = corpus.open(SequenceMode::kFull, 8);
  EXPECT_EQ(examples_of(*data.train()), (Strings{"<aaaaa>", "<bb> <cc>", "<cccccc>", "<d> <e>", "<fffff>"}));
  EXPECT_EQ(data.train()->first_sequence(3), 4);
  EXPECT_EQ(data.train()->example_sequences(3), 2);
  EXPECT_EQ(data.train()->example_tokens(3), 6);
  EXPECT_EQ(data.train()->document_of(5), 5);
  Corpus three_left({"aaa", "bb"}), two_left({"aaaa", "bb"});
  EXPECT_EQ(examples_of(*three_left.open(SequenceMode::kFull, 8).train()), (Strings{"<aaa> <b>", "<b>"}));
  EXPECT_EQ(examples_of(*two_left.open(SequenceMode::kFull, 8).train()), (Strings{"<aaaa>", "<bb>"}));
  EXPECT_EQ(data.ledger().sequences_train, 7);
  EXPECT_EQ(data.ledger().examples_train, 5);
  EXPECT_EQ(data.ledger().tokens_truncated, 0);
}

TEST(Dataset, FullAcrossDocuments) {
  Corpus corpus({"aaaaa", "bb", "", "cccccccc", "d", "e", "fffff"});
  corpus.options.layout.cross_document_attention = true;
  const Dataset data = corpus.open(SequenceMode::kFull, 8);
  // After "<aaaaa>" one place is left, too little for a token and its </s>.
  EXPECT_EQ(examples_of(*data.train()), (Strings{"<aaaaa>", "<bb>ccc>", "<ccccc>", "<d>e>ff>", "<fff>"}));
  EXPECT_EQ(data.train()->example_tokens(1), 8);
  EXPECT_EQ(data.train()->example_tokens(3), 8);
  EXPECT_EQ(data.ledger().specials_added, 5 + 8);
  EXPECT_TRUE(data.ledger().adds_up());
}

TEST(Dataset, SequencesKeepTheirKeys) {
  Corpus corpus({"aaaaa", "bb", "cccccccc"});
  const Dataset data = corpus.open(SequenceMode::kFull, 8);
  PackedBatch batch;
  data.train()->append(1, 5, objective(), batch);
  data.train()->append(0, 6, objective(), batch);
  EXPECT_EQ(batch.example_keys, (std::vector<uint64_t>{example_key(5, 1), example_key(5, 2), example_key(6, 0)}));
  EXPECT_EQ(batch.cu_seqlens, (std::vector<int32_t>{0, 4, 8, 15}));
}

// The sets of random corpora, in every mode, against the documents themselves.
TEST(Dataset, LedgerAddsUpOnRandomCorpora) {
  std::mt19937 random(17);
  const auto below = [&](int n) { return int(random() % unsigned(n)); };
  for (int trial = 0; trial < 60; ++trial) {
    Strings documents;
    for (int d = 0, n = 2 + below(60); d < n; ++d) {
      std::string& text = documents.emplace_back();
      for (int i = 0, len = below(4) == 0 ? below(300) : below(20); i < len; ++i)
        text += below(8) == 0 ? '\n' : char('a' + below(26));
    }
    documents.push_back("at least this");
    documents.push_back("and that");
    Corpus corpus(documents);
    LayoutOptions& o = corpus.options.layout;
    const auto mode = SequenceMode(trial % 4);
    const int64_t length = 3 + below(40);
    o.stride = mode == SequenceMode::kSplit && length > 3 ? below(int(length - 2)) : 0;
    o.cross_document_attention = mode == SequenceMode::kFull && trial % 8 < 4;
    o.held_out = trial % 3 == 0 ? 0 : 0.3;
    const Dataset data = corpus.open(mode, length);
    const Ledger& l = data.ledger();
    ASSERT_TRUE(l.adds_up()) << l.str();
    int64_t tokens = 0, sequences = 0, specials = 0;
    std::map<std::string, int> texts;
    std::string all;
    for (const SequenceSet* set : {data.train().get(), data.held_out().get()}) {
      for (int64_t e = 0; e < set->examples(); ++e) {
        int64_t in_example = 0;
        for (const std::string& s : sequences_of(*set, e)) {
          ++sequences;
          in_example += int64_t(s.size());
          const int64_t special = std::count(s.begin(), s.end(), '<') + std::count(s.begin(), s.end(), '>');
          specials += special;
          tokens += int64_t(s.size()) - special;
          ASSERT_GT(int64_t(s.size()), special);
          all += s;
        }
        ASSERT_LE(in_example, length);
        ASSERT_EQ(in_example, set->example_tokens(e));
      }
      ASSERT_EQ(set->first_sequence(set->examples()), set->sequences());
    }
    EXPECT_EQ(tokens, l.tokens_train + l.tokens_held_out + l.tokens_repeated);
    EXPECT_EQ(specials, l.specials_added);
    EXPECT_EQ(sequences, l.sequences_train + l.sequences_held_out);
    EXPECT_EQ(l.tokens_in, std::accumulate(documents.begin(), documents.end(), int64_t(0),
                                           [](int64_t n, const std::string& d) { return n + int64_t(d.size()); }));
    if (mode != SequenceMode::kTruncate && o.stride == 0 && o.held_out == 0) {
      std::erase_if(all, [](char c) { return c == '<' || c == '>'; });
      std::string expected;
      for (const std::string& d : documents) expected += d;
      EXPECT_EQ(all, expected) << "every token once, in order";
    }
  }
}

TEST(Dataset, HeldOutByText) {
  Strings documents;
  for (int i = 0; i < 4000; ++i) documents.push_back("document " + std::to_string(i % 2000));
  Corpus corpus(documents);
  corpus.options.layout.held_out = 0.1;
  const Dataset data = corpus.open(SequenceMode::kTruncate, 32);
  EXPECT_NEAR(double(data.ledger().documents_held_out), 400, 5 * std::sqrt(2000 * 0.1 * 0.9) * 2);
  EXPECT_TRUE(data.ledger().adds_up());
  const Strings train = examples_of(*data.train()), held = examples_of(*data.held_out());
  const std::set<std::string> seen(train.begin(), train.end());
  for (const std::string& text : held) EXPECT_EQ(seen.count(text), 0u) << text << " is on both sides";
  // The choice depends on the text alone: other neighbours and another order do not change it.
  std::reverse(documents.begin(), documents.end());
  documents.resize(3000);
  Corpus other(documents);
  other.options.layout.held_out = 0.1;
  const Strings held_again = examples_of(*other.open(SequenceMode::kSplit, 32).held_out());
  EXPECT_EQ(std::set<std::string>(held.begin(), held.end()),
            std::set<std::string>(held_again.begin(), held_again.end()));
}

TEST(Dataset, SmallCorporaStillHaveBothSides) {
  for (double share : {0.001, 0.05, 0.999}) {
    Corpus corpus({"one", "two", "", "three", "two"});
    corpus.options.layout.held_out = share;
    const Dataset data = corpus.open(SequenceMode::kFull, 16);
    EXPECT_GT(data.train()->examples(), 0) << share;
    EXPECT_GT(data.held_out()->examples(), 0) << share;
    EXPECT_TRUE(data.ledger().adds_up());
  }
  Corpus single({"one", "one", ""});
  single.options.layout.held_out = 0.1;
  expect_parts(error_of([&] { single.open(SequenceMode::kFull, 16); }), {"corpus.jsonl", "only one distinct text"});
}

TEST(Dataset, FingerprintAndCache) {
  Corpus corpus({"one", "two", "three"});
  const Dataset a = corpus.open(SequenceMode::kFull, 16), b = corpus.open(SequenceMode::kFull, 16);
  EXPECT_FALSE(a.ledger().from_cache);
  EXPECT_TRUE(b.ledger().from_cache);
  EXPECT_EQ(a.fingerprint(), b.fingerprint());
  EXPECT_NE(a.fingerprint(), corpus.open(SequenceMode::kFull, 15).fingerprint());
  EXPECT_NE(a.fingerprint(), corpus.open(SequenceMode::kPack, 16).fingerprint());
  corpus.options.layout.held_out = 0.5;
  EXPECT_NE(a.fingerprint(), corpus.open(SequenceMode::kFull, 16).fingerprint());
  Corpus other({"one", "two", "thref"}), same({"one", "two", "three"});
  EXPECT_NE(a.fingerprint(), other.open(SequenceMode::kFull, 16).fingerprint());
  EXPECT_EQ(a.fingerprint(), same.open(SequenceMode::kFull, 16).fingerprint())
      << "it does not depend on where the files lie";
}

TEST(Dataset, Errors) {
  Corpus corpus({"one", "two"});
  const auto message = [&](SequenceMode mode, int64_t length) { return error_of([&] { corpus.open(mode, length); }); };
  expect_parts(message(SequenceMode::kFull, 2), {"sequences of 2 tokens", "3"});
  expect_parts(message(SequenceMode::kFull, int64_t(1) << 24), {"sequences of"});
  corpus.options.layout.stride = 6;
  expect_parts(message(SequenceMode::kSplit, 8), {"overlap by 6", "6"});
  corpus.options.layout.stride = 1;
  expect_parts(message(SequenceMode::kFull, 8), {"overlap by", "split"});
  corpus.options.layout.stride = 0;
  corpus.options.layout.held_out = 1;
  expect_parts(message(SequenceMode::kFull, 8), {"held-out", "1"});
  corpus.options.layout.held_out = 0;
  corpus.options.layout.cross_document_attention = true;
  expect_parts(message(SequenceMode::kPack, 8), {"across documents", "full"});
}

TEST(Dataset, LedgerTable) {
  Ledger l;
  l.files = {{"a.txt", 1234567, 99}};
  l.documents_in = l.documents_train = 1234567;
  l.tokens_in = 1000;
  l.tokens_train = 999;
  EXPECT_FALSE(l.adds_up());
  l.tokens_truncated = 1;
  EXPECT_TRUE(l.adds_up());
  expect_parts(l.str(), {"a.txt: 1,234,567 documents, 99 bytes", "1,000", "dropped"});
  l.documents_empty = 1;
  EXPECT_FALSE(l.adds_up());
}

// The known figures of a shared corpus.
TEST(Dataset, RealCorpus) {
  const std::string corpus = shared_path("data/corpora/cs.jsonl.zst");
  if (!std::filesystem::exists(corpus)) GTEST_SKIP() << "skipped: no shared data";
  TempDir dir;
  const DatasetOptions options{.cache = {.corpus = {.files = {corpus}}, .dir = dir.path()},
                               .layout = {.held_out = 0.01}};
  const Dataset data = Dataset::open(options, Tokenizer::load(shared_path("data/tokenizer/roberta-base")));
  const Ledger& l = data.ledger();
  EXPECT_EQ(l.documents_in, 21369);
  EXPECT_EQ(l.tokens_in, 7141485);
  EXPECT_TRUE(l.adds_up()) << l.str();
  EXPECT_EQ(l.tokens_truncated, 0);
  int64_t tokens = 0;
  for (int64_t e = 0; e < data.train()->examples(); ++e) {
    const int64_t n = data.train()->example_tokens(e);
    ASSERT_LE(n, 512);
    // Mode full: at most two places of an example stay empty, but for the last.
    if (e + 1 < data.train()->examples()) {
      ASSERT_GE(n, 510);
    }
    tokens += n;
  }
  EXPECT_EQ(tokens, l.tokens_train + 2 * l.sequences_train);
  EXPECT_EQ(l.specials_added, 2 * (l.sequences_train + l.sequences_held_out));
}

}  // namespace
}  // namespace encore
