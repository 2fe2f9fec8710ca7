// Which tokens make up which sequence: the four modes, as functions of the document lengths.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/cache/token_cache.h"
#include "data/tokenizer/specials_template.h"

namespace encore {

enum class SequenceMode {
  kTruncate,  // the first seq_length tokens of each document; the rest is dropped and counted
  kSplit,     // windows of seq_length tokens, each overlapping the one before it by `stride` tokens
  kPack,      // whole lines of a document filled up to seq_length; a longer line is cut
  kFull,      // as kSplit without overlap, and short pieces of neighbouring documents share an example
};

struct LayoutOptions {
  SequenceMode mode = SequenceMode::kFull;
  int64_t seq_length = 512;               // with special tokens
  int64_t stride = 0;                     // kSplit: overlap, less than the room that special tokens leave
  bool cross_document_attention = false;  // kFull only
  double held_out = 0;                    // share of documents kept out of training, chosen by the hash of their text
};

// A run of tokens of the cache in 8 bytes. With cross_document_attention the run continues in the next document of the
// same side.
struct TokenRun {
  static constexpr int kLengthBits = 24;
  uint64_t start : 64 - kLengthBits;
  uint64_t length : kLengthBits;
};
static_assert(sizeof(TokenRun) == 8);

struct SequenceLayout {
  std::vector<TokenRun> sequences;
  // [examples + 1] first sequence of each example; empty where every sequence is its own example.
  std::vector<uint64_t> example_start;
  // With cross_document_attention, the length of each sequence with special tokens: texts that end within it have
  // theirs.
  std::vector<uint32_t> lengths_across;
  int64_t documents = 0;
  int64_t tokens = 0;     // distinct tokens in the sequences
  int64_t truncated = 0;  // tokens in no sequence
  int64_t repeated = 0;   // tokens in a second sequence
  int64_t specials = 0;   // special tokens that the sequences get

  int64_t examples() const { return int64_t(example_start.empty() ? sequences.size() : example_start.size() - 1); }
};

// Throws Error naming the flag and its range, or for a tokenizer that puts no special tokens around a text.
void check_layout_options(const LayoutOptions&, const Tokenizer&);

// True for documents that are held out. Equal texts are on the same side.
class HeldOutChoice {
 public:
  // Throws Error where one side would have no text.
  HeldOutChoice(const TokenCache&, double share);
  bool operator()(TokenCacheReader&, int64_t document) const;  // a reader of the same cache
  bool any() const { return threshold_ > 0; }

 private:
  double threshold_;  // held out: draws below it
};

// held_out: the side to lay out. around: the special tokens of a sequence; with cross_document_attention, what stands
// after a text stands after each piece.
SequenceLayout lay_out(const TokenCache&, const HeldOutChoice&, bool held_out, const LayoutOptions&,
                       const SpecialsTemplate::Single& around);

}  // namespace encore
