// Added tokens: tokens that are looked for in the text before the text goes to the subword model.
//
// They are found as Hugging Face's tokenizers find them: at each place the longest, tokens that are not `normalized`
// first over the whole text, the others in what is left between.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace encore {

struct AddedToken {
  int32_t id = -1;
  std::string content;
  bool special = false;                 // no part of the text: skipped by decode, never masked
  bool lstrip = false, rstrip = false;  // takes the white space before, after it
  bool single_word = false;             // only where no character of a word stands beside it
  bool normalized = false;              // found after those that are not
  bool operator==(const AddedToken&) const = default;
};

// How "<mask>", "</s>", ... are read where they stand in the text itself.
enum class SpecialText {
  kRecognise,  // as transformers does: one id; a token with lstrip takes the blanks before it
  kAsText,     // letters like any other
};

class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken>);
  // The passes point into tokens_, which a move takes along and a copy would not.
  AddedTokens(AddedTokens&&) = default;
  AddedTokens& operator=(AddedTokens&&) = default;

  const std::vector<AddedToken>& all() const { return tokens_; }  // longest content first
  // Whether the order of the two passes can matter for these tokens.
  bool in_two_passes() const { return passes_.size() == 2; }

  struct Piece {
    std::string_view text;              // between two added tokens; never empty
    const AddedToken* token = nullptr;  // if given, the piece is this token
  };
  // The pieces of a text, in order.
  void split(std::string_view text, SpecialText, std::vector<Piece>& pieces) const;

 private:
  // Tokens that are looked for together.
  struct Pass {
    std::array<std::vector<const AddedToken*>, 256> by_first_byte;
    int only_start = -1;  // the byte that all of them start with, where it is one
  };
  size_t next_candidate(const Pass&, std::string_view text, size_t at) const;
  void split(size_t pass, std::string_view text, SpecialText, std::vector<Piece>& pieces) const;
  void add_pass(const std::vector<const AddedToken*>&);

  std::vector<AddedToken> tokens_;
  std::vector<Pass> passes_;
};

}  // namespace encore
