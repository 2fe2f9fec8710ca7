// Words that decide whether a full stop ends a sentence (data/select/sentences.h).
#pragma once

#include <string_view>

namespace encore {

enum class Abbreviation {
  kNone,
  kBefore,        // stands before something else, so that it ends no sentence: "Dr", "Fig", "e.g"
  kBeforeNumber,  // that is an abbreviation before a number alone: "No", "art"
  kMayEnd,        // "al", "etc", "Inc"
};

// word: without its last full stop, in letters of any case; the lists are English.
Abbreviation abbreviation_of(std::string_view word);

// Whether sentences often begin with this word, as written ("The"; not "the").
bool often_begins_sentence(std::string_view word);

}  // namespace encore
