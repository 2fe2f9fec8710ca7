#include "data/select/sentences.h"

#include <algorithm>
#include <array>

#include "data/select/sentence_words.h"
#include "data/select/words/letter_classes.h"
#include "data/select/words/white_space.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

constexpr std::u32string_view kOpening = U"\"'`([{<\u00ab\u00bf\u00a1\u2018\u201c\u2039\u300c\u300e\u3010\uff08";
constexpr std::u32string_view kClosing = U"\"')]}>\u00bb\u2019\u201d\u203a\u300d\u300f\u3011\uff09";
constexpr std::u32string_view kEnds = U".!?\u2026";                // with white space behind
constexpr std::u32string_view kEndsAlone = U"\u3002\uff01\uff1f";  // with or without
constexpr std::u32string_view kCarriesOn = U",;:)]}%=+-/\u2013\u2014\uff0c\u3001\uff1b\uff1a";  // begins no sentence

bool is_one_of(char32_t c, std::u32string_view set) {
  return set.find(c) != set.npos;
}
bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
bool is_capital(char32_t c) {
  return letter_class_table()[c] & kHasLower;
}
bool is_small(char32_t c) {
  return (letter_class_table()[c] & (kCased | kHasLower)) == kCased;
}
bool is_letter(char32_t c) {
  return (letter_class_table()[c] & (kWordLetter | kDecimalDigit)) == kWordLetter && c != '_';
}

// Whether a sentence may end at a character that begins with this byte.
constexpr auto kMayEndAt = [] {
  std::array<bool, 256> may{};
  for (const unsigned char c : {'\n', '.', '!', '?'}) may[c] = true;
  for (const unsigned char c : {0xe2, 0xe3, 0xef}) may[c] = true;  // the first bytes of the other four
  return may;
}();

class Cutter {
 public:
  explicit Cutter(std::string_view text) : text_(text) {}

  std::vector<TextRange> run() {
    begin_ = past_space(0);
    for (size_t at = begin_; at < text_.size();) {
      if (!kMayEndAt[uint8_t(text_[at])]) {
        ++at;
      } else if (text_[at] == '\n') {
        const size_t next = past_space(at);
        if (std::count(text_.begin() + std::ptrdiff_t(at), text_.begin() + std::ptrdiff_t(next), '\n') > 1)
          end(at, next);
        at = next;
      } else {
        at = take_ends(at);
      }
    }
    end(text_.size(), text_.size());
    return std::move(found_);
  }

 private:
  CodePoint code_at(size_t at) const { return decode_utf8(text_, at); }

  template <class Holds>
  size_t past(size_t at, Holds&& holds) const {
    while (at < text_.size()) {
      const CodePoint c = code_at(at);
      if (!holds(c.value)) break;
      at += c.size;
    }
    return at;
  }
  size_t past_space(size_t at) const { return past(at, is_white_space); }

  // From the start of what may be a run of ends of sentences: cuts behind it or not, and gives the place to go on from.
  size_t take_ends(size_t at) {
    const size_t ends = past(at, [](char32_t c) { return is_one_of(c, kEnds) || is_one_of(c, kEndsAlone); });
    if (ends == at) return at + code_at(at).size;
    const bool alone = ends - at >= 3 && is_one_of(code_at(ends - 3).value, kEndsAlone);
    const size_t closed = past(ends, [](char32_t c) { return is_one_of(c, kClosing); });
    const size_t next = past_space(closed);
    const bool full_stop = ends == at + 1 && text_[at] == '.';
    if (alone || (next > closed && at > begin_ && may_begin(next) && !(full_stop && belongs_to_word(at, next))))
      end(closed, next);
    return closed;
  }

  // Whether a sentence may begin at `at`.
  bool may_begin(size_t at) const {
    at = past(at, [](char32_t c) { return is_one_of(c, kOpening); });
    if (at == text_.size()) return true;
    const char32_t first = code_at(at).value;
    if (is_one_of(first, kCarriesOn) || is_one_of(first, kEnds)) return false;
    if (!is_small(first)) return true;
    // "mRNA", "p53"
    const size_t word = past(at, is_letter);
    for (size_t i = at; i < word; i += code_at(i).size)
      if (is_capital(code_at(i).value)) return true;
    return word < text_.size() && is_digit(uint8_t(text_[word]));
  }

  // Whether the full stop at `stop` is that of an abbreviation or a number, with the next word at `next`.
  bool belongs_to_word(size_t stop, size_t next) const {
    const std::string_view word = word_before(stop);
    if (word.empty()) return false;
    if (word.data() == text_.data() + begin_ && std::all_of(word.begin(), word.end(), is_digit)) return true;
    const bool number_follows = next < text_.size() && is_digit(uint8_t(text_[next]));
    switch (abbreviation_of(word)) {
      case Abbreviation::kBefore: return true;
      case Abbreviation::kBeforeNumber: return number_follows || (word.size() == 1 && !begins_sentence(next));
      case Abbreviation::kMayEnd: return !begins_sentence(next);
      case Abbreviation::kNone: return are_initials(word) && !begins_sentence(next);
    }
    return false;
  }

  // What stands before the full stop, from the last white space, opening bracket or quote on.
  std::string_view word_before(size_t stop) const {
    size_t begin = stop;
    const auto parts = [](char c) {
      return uint8_t(c) <= ' ' || c == '(' || c == '[' || c == '{' || c == '"' || c == '\'';
    };
    while (begin > begin_ && !parts(text_[begin - 1])) --begin;
    while (begin < stop && is_one_of(code_at(begin).value, kOpening)) begin += code_at(begin).size;
    return text_.substr(begin, stop - begin);
  }

  // "J", "J.-P", "U.S": letters apart by full stops and hyphens; one letter alone must be a capital one.
  static bool are_initials(std::string_view word) {
    if (const CodePoint first = decode_utf8(word, 0); first.size == word.size()) return is_capital(first.value);
    for (size_t at = 0; at < word.size();) {
      const CodePoint c = decode_utf8(word, at);
      if (!is_letter(c.value)) return false;
      at += c.size;
      if (at == word.size()) return true;
      if (word[at] != '.' && word[at] != '-') return false;
      while (at < word.size() && (word[at] == '.' || word[at] == '-')) ++at;
    }
    return false;
  }

  bool begins_sentence(size_t at) const {
    at = past(at, [](char32_t c) { return is_one_of(c, kOpening); });
    const size_t end = past(at, is_letter);
    // "A." is an initial.
    return (end == text_.size() || text_[end] != '.') && often_begins_sentence(text_.substr(at, end - at));
  }

  // Ends the sentence at `end`; the next one begins at `next`.
  void end(size_t end, size_t next) {
    while (end > begin_) {
      size_t last = end - 1;
      while (last > begin_ && (uint8_t(text_[last]) & 0xc0) == 0x80) --last;
      if (!is_white_space(code_at(last).value)) break;
      end = last;
    }
    if (end > begin_) found_.push_back({.begin = begin_, .end = end});
    begin_ = next;
  }

  std::string_view text_;
  size_t begin_ = 0;  // of the sentence
  std::vector<TextRange> found_;
};

}  // namespace

std::vector<TextRange> sentences_of(std::string_view text) {
  return Cutter(text).run();
}

Passages::Passages(const std::vector<std::string>& paths, const CorpusOptions& options, Unit unit)
    : reader_(paths, options), unit_(unit) {}

bool Passages::next(std::string& text) {
  if (unit_ == Unit::kDocument) {
    if (!reader_.next(text)) return false;
    ++documents_;
    next_ = 1;
    return true;
  }
  while (next_ == sentences_.size()) {
    if (!reader_.next(document_)) return false;
    ++documents_;
    sentences_ = sentences_of(document_);
    next_ = 0;
  }
  text = sentences_[next_++].of(document_);
  return true;
}

std::string unit_name(Passages::Unit unit) {
  return unit == Passages::Unit::kSentence ? "sentences" : "documents";
}

}  // namespace encore
