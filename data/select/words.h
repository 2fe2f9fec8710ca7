// The words of a text, as scikit-learn's CountVectorizer finds them: the text in lower case, cut by a pattern. \w and
// \d are Python's (data/select/letter_classes.h), so both patterns take whole runs of \w or nothing of them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/select/letter_case.h"
#include "data/select/letter_classes.h"
#include "kernels/base/utf8.h"

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
  explicit WordCutter(WordPattern pattern) : pattern_(pattern), classes_(letter_class_table()) {}

  // Calls visit(std::string_view) for each word of the text, in order; the view is valid during the call.
  template <class Visit>
  void cut(std::string_view text, Visit&& visit) {
    lower_case(text, lower_);
    const std::string_view lower = lower_;
    for (size_t at = 0; at < lower.size();) {
      const Run run = next_run(lower, at);
      if (is_word(run)) visit(lower.substr(run.begin, at - run.begin));
    }
  }

 private:
  struct Run {  // of \w
    size_t begin = 0;
    int64_t letters = 0;
    bool digits = false;
  };

  bool is_word(const Run& run) const {
    if (pattern_ == WordPattern::kTwoOrMore) return run.letters >= 2;
    return !run.digits && run.letters >= 3 && run.letters <= 30;
  }

  // Moves `at` behind the next run of \w; without letters where there is none.
  Run next_run(std::string_view text, size_t& at) const {
    Run run;
    while (at < text.size()) {
      const bool ascii = uint8_t(text[at]) < 0x80;
      const CodePoint c = ascii ? CodePoint{char32_t(text[at]), 1, true} : decode_utf8(text, at);
      const uint8_t classes = c.valid ? classes_[c.value] : 0;
      if (classes & kWordLetter) {
        if (run.letters++ == 0) run.begin = at;
        run.digits |= (classes & kDecimalDigit) != 0;
      } else if (run.letters > 0) {
        break;
      }
      at += c.size;
    }
    return run;
  }

  WordPattern pattern_;
  const std::vector<uint8_t>& classes_;
  std::string lower_;
};

}  // namespace encore
