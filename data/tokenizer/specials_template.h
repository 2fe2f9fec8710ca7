// Which special tokens stand around a text, and around and between the two texts of a pair.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace encore {

// Token: an id, or a token's text while a folder is read.
template <class Token>
struct SpecialsOf {
  struct Single {  // before A after
    std::vector<Token> before, after;
    size_t size() const { return before.size() + after.size(); }
    bool operator==(const Single&) const = default;
  };
  struct Pair {  // before A between B after
    std::vector<Token> before, between, after;
    size_t size() const { return before.size() + between.size() + after.size(); }
    bool operator==(const Pair&) const = default;
  };
  Single single;
  Pair pair;

  // Whether no specials are put around a text, as with GPT-2's tokenizer.
  bool empty() const { return single.size() == 0; }
  bool operator==(const SpecialsOf&) const = default;

  // <s> A </s>, and <s> A </s></s> B </s>.
  static SpecialsOf roberta(const Token& cls, const Token& sep) {
    return {.single = {.before = {cls}, .after = {sep}},
            .pair = {.before = {cls}, .between = {sep, sep}, .after = {sep}}};
  }
  // [CLS] A [SEP], and [CLS] A [SEP] B [SEP].
  static SpecialsOf bert(const Token& cls, const Token& sep) {
    return {.single = {.before = {cls}, .after = {sep}}, .pair = {.before = {cls}, .between = {sep}, .after = {sep}}};
  }
};

using SpecialsTemplate = SpecialsOf<int32_t>;
using SpecialNames = SpecialsOf<std::string>;

}  // namespace encore
