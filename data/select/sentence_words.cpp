#include "data/select/sentence_words.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string>

namespace encore {
namespace {

// All lists are sorted: they are searched by halves.
constexpr std::string_view kBefore[] = {
    "approx", "apr",  "aug",   "ave", "bros", "ca",  "capt", "cf",   "ch",  "chap", "col",  "cp",   "dec", "dept",
    "det",    "dr",   "drs",   "e.g", "ed",   "eds", "eg",   "eq",   "eqn", "eqns", "eqs",  "esp",  "est", "ex",
    "feb",    "fig",  "figs",  "fr",  "gen",  "gov", "hon",  "i.e",  "ie",  "jan",  "jul",  "jun",  "lt",  "maj",
    "mar",    "mr",   "mrs",   "ms",  "mt",   "nov", "oct",  "op",   "oz",  "pp",   "pres", "prof", "pt",  "ref",
    "refs",   "rep",  "resp",  "rev", "sect", "sen", "sep",  "sept", "sgt", "sp",   "spp",  "ssp",  "st",  "ste",
    "subsp",  "supp", "suppl", "tab", "univ", "v",   "var",  "viz",  "vol", "vols", "vs",
};
constexpr std::string_view kBeforeNumber[] = {
    "art", "n", "no", "nos", "nr", "p", "par", "pars", "sec", "secs",
};
constexpr std::string_view kMayEnd[] = {
    "a.k.a", "al", "b.sc", "co", "corp", "dist", "esq", "etc", "inc", "jr", "ltd", "m.sc", "ph.d", "plc", "sr",
};
constexpr std::string_view kBeginners[] = {
    "A",           "According", "After",   "All",     "Although",  "An",        "And",         "Another",  "As",
    "At",          "Based",     "Because", "Before",  "Both",      "But",       "By",          "Compared", "Conclusion",
    "Conclusions", "Despite",   "Do",      "Does",    "Due",       "During",    "Each",        "Even",     "Every",
    "Few",         "Finally",   "First",   "For",     "From",      "Further",   "Furthermore", "Given",    "Has",
    "Have",        "He",        "Hence",   "Her",     "Here",      "His",       "How",         "However",  "I",
    "If",          "In",        "Instead", "Is",      "It",        "Its",       "Like",        "Many",     "Methods",
    "More",        "Moreover",  "Most",    "My",      "No",        "Not",       "Note",        "Now",      "Of",
    "On",          "Once",      "One",     "Only",    "Or",        "Other",     "Our",         "Over",     "Recently",
    "Results",     "Second",    "Several", "She",     "Similarly", "Since",     "So",          "Some",     "Such",
    "That",        "The",       "Their",   "Then",    "There",     "Therefore", "These",       "They",     "This",
    "Those",       "Though",    "Thus",    "To",      "Two",       "Under",     "Unlike",      "Until",    "Using",
    "We",          "Were",      "What",    "When",    "Where",     "Whether",   "Which",       "While",    "Who",
    "Why",         "With",      "Within",  "Without", "Yet",       "You",
};

template <size_t N>
constexpr bool rising(const std::string_view (&words)[N]) {
  return std::is_sorted(std::begin(words), std::end(words));
}
static_assert(rising(kBefore) && rising(kBeforeNumber) && rising(kMayEnd) && rising(kBeginners));

bool holds(std::span<const std::string_view> words, std::string_view word) {
  return std::binary_search(words.begin(), words.end(), word);
}

}  // namespace

Abbreviation abbreviation_of(std::string_view word) {
  constexpr size_t kLongest = 8;
  if (word.empty() || word.size() > kLongest) return Abbreviation::kNone;
  std::string lower(word);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  if (holds(kBefore, lower)) return Abbreviation::kBefore;
  if (holds(kBeforeNumber, lower)) return Abbreviation::kBeforeNumber;
  return holds(kMayEnd, lower) ? Abbreviation::kMayEnd : Abbreviation::kNone;
}

bool often_begins_sentence(std::string_view word) {
  return holds(kBeginners, word);
}

}  // namespace encore
