// The words of a text, as scikit-learn's CountVectorizer finds them: the text in lower case, cut by a pattern. \w and
// \d are Python's (data/select/words/letter_classes.h), so both patterns take whole runs of \w or nothing of them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace encore {

enum class WordPattern {
  kTwoOrMore,      // \b\w\w+\b, scikit-learn's own: "don't" gives "don"
  kThreeToThirty,  // \b[^\d\W]{3,30}\b, VAMPIRE's: a run that holds a digit, or is longer, gives nothing
};

// scikit-learn's 318 English words, sorted. From the Glasgow Information Retrieval Group, as distributed by
// scikit-learn (BSD-3-Clause). Its oddities stay: "amoungst" and "bill" are in it, "don" is not.
std::span<const std::string_view> english_stop_words();

class WordCutter {
 public:
  // So many bytes from the start of a word can be read, whatever its size.
  static constexpr size_t kReadable = 16;

  explicit WordCutter(WordPattern pattern) : pattern_(pattern) {}

  // Calls visit(std::string_view) for each word of the text, in order; the view is valid during the call.
  template <class Visit>
  void cut(std::string_view text, Visit&& visit) {
    mark(text);
    size_t begin = 0;
    bool inside = false;
    for (size_t i = 0; i < marks_.size(); ++i) {
      // Bits where a run of \w begins or ends.
      uint64_t edges = marks_[i] ^ (marks_[i] << 1 | uint64_t(inside));
      for (; edges; edges &= edges - 1) {
        const size_t at = 64 * i + size_t(std::countr_zero(edges));
        if (inside) {
          const std::string_view run(lower_.data() + begin, at - begin);
          if (is_word(run)) visit(run);
        }
        begin = at;
        inside = !inside;
      }
    }
  }

 private:
  // Fills lower_ and marks_.
  void mark(std::string_view text);
  void mark_letters(size_t from, size_t to);

  bool is_word(std::string_view run) const {
    if (pattern_ == WordPattern::kThreeToThirty) return is_letters(run, 3, 30);
    // A letter has four bytes at most.
    if (run.size() > 4) return true;
    return std::count_if(run.begin(), run.end(), [](char c) { return (uint8_t(c) & 0xc0) != 0x80; }) >= 2;
  }
  static bool is_letters(std::string_view run, int64_t least, int64_t most);

  WordPattern pattern_;
  std::string lower_;            // the text in lower case, and kReadable bytes more
  std::vector<uint64_t> marks_;  // a bit for each byte of it: part of a letter of \w; at least one bit 0 at the end
};

}  // namespace encore
