// GPT-2's pre-tokenizer (data/tokenizer/pretokenizer.h) over 64 bytes at a time: a bit for each byte that starts a
// word.
//
// The classes of a character and its neighbours, and an apostrophe up to three bytes before, decide whether a byte
// starts a word. So 64 bytes of ASCII take about thirty vector instructions, for any number of words in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "data/tokenizer/pretokenizer.h"

namespace encore {

// Finds the same words as PreTokenizer::word_end, called word after word from text[0] on, also in text that is not
// UTF-8.
class WordCutter {
 public:
  WordCutter(const PreTokenizer& pre, std::string_view text) : pre_(pre), text_(text) {}

  static constexpr size_t kBlock = 64;

  // The next block: bit i is set where a word starts at text[at + i]. False at the end of the text. The first block
  // starts at 0, each later one kBlock further.
  bool next(size_t& at, uint64_t& starts);

 private:
  // Bit masks over the bytes of a block. All bytes of a character have its class.
  struct Classes {
    uint64_t letters, numbers, spaces;  // the rest is PreTokenizer::kOther
    uint64_t blanks, apostrophes;       // U+0020, U+0027
    uint64_t high;                      // not ASCII
    uint64_t wide_spaces;               // white space that is not ASCII
    uint64_t wide_starts;               // the first byte of such white space, where it starts a word
  };
  static Classes classify_ascii(const char* bytes);
  void add_others(Classes& c);
  void add(Classes& c, uint64_t bytes, PreTokenizer::Class found);
  void cut_contractions(uint64_t& starts, uint64_t apostrophes);
  bool followed_by_word(size_t at) const;

  const PreTokenizer& pre_;
  std::string_view text_;
  size_t at_ = 0;
  // Carried over from the block before.
  uint64_t letter_ = 0, number_ = 0, other_ = 0, space_ = 0, blank_ = 0;  // the class of its last byte: 0 or 1
  uint64_t forced_ = 0, joined_ = 0;  // starts that a contraction forces, and forbids
  unsigned carried_ = 0;              // bytes of its last character
  PreTokenizer::Class carried_class_ = PreTokenizer::kOther;
};

}  // namespace encore
