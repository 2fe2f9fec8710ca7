#include "data/select/bags/bag_vocabulary.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "data/select/words/word_counts.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"
#include "kernels/base/in_quotes.h"

namespace encore {
namespace {

constexpr double kNoBackground = 1e-12;
constexpr const char* kKind = "encore bag vocabulary";

}  // namespace

BagVocabulary BagVocabulary::fit(const TextSource& source, const VocabularyOptions& options) {
  WordCounts counts = count_words(source, {.pattern = WordPattern::kThreeToThirty,
                                           .stop_words = options.stop_words,
                                           .keep = options.size,
                                           .threads = options.threads});
  check(counts.words.size() >= 2,
        "the vocabulary has {}: a bag of words needs two at least, of 3 to 30 letters each and no stop words",
        counts.words.empty() ? "no word" : "one word, " + in_quotes(counts.words[0].word));
  std::sort(counts.words.begin(), counts.words.end(),
            [](const WordCount& a, const WordCount& b) { return a.word < b.word; });
  BagVocabulary vocabulary;
  vocabulary.texts_ = counts.documents;
  vocabulary.words_ = {kUnknownWord};
  vocabulary.occurrences_ = vocabulary.frequency_ = {0};
  for (WordCount& word : counts.words) {
    vocabulary.words_.push_back(std::move(word.word));
    vocabulary.occurrences_.push_back(word.count);
    vocabulary.frequency_.push_back(word.documents);
  }
  vocabulary.index_words();
  return vocabulary;
}

nlohmann::json BagVocabulary::to_json() const {
  return {{"kind", kKind},
          {"texts", texts_},
          {"words", words_},
          {"occurrences", occurrences_},
          {"document_frequency", frequency_}};
}

BagVocabulary BagVocabulary::from_json(const nlohmann::json& json, const std::string& file) {
  BagVocabulary vocabulary;
  try {
    check(json.at("kind") == kKind, "{}: is no vocabulary of a bag of words", file);
    json.at("texts").get_to(vocabulary.texts_);
    json.at("words").get_to(vocabulary.words_);
    json.at("occurrences").get_to(vocabulary.occurrences_);
    json.at("document_frequency").get_to(vocabulary.frequency_);
  } catch (const nlohmann::json::exception&) {
    fail("{}: is no vocabulary of a bag of words, or lacks a field", file);
  }
  const auto& words = vocabulary.words_;
  check(words.size() >= 3 && words[0] == kUnknownWord && std::is_sorted(words.begin() + 1, words.end()) &&
            std::adjacent_find(words.begin() + 1, words.end()) == words.end(),
        "{}: \"words\" must be {} and then two different words or more by code point", file, in_quotes(kUnknownWord));
  check(vocabulary.occurrences_.size() == words.size() && vocabulary.frequency_.size() == words.size(),
        "{}: \"words\", \"occurrences\" and \"document_frequency\" must have one length", file);
  for (size_t i = 1; i < words.size(); ++i)
    check(vocabulary.frequency_[i] > 0 && vocabulary.frequency_[i] <= vocabulary.texts_ &&
              vocabulary.occurrences_[i] >= vocabulary.frequency_[i],
          "{}: the counts of {} cannot be those of {} texts", file, in_quotes(words[i]), vocabulary.texts_);
  vocabulary.index_words();
  return vocabulary;
}

void BagVocabulary::index_words() {
  slots_.assign(std::bit_ceil(2 * words_.size()), Slot());
  for (int32_t column = 1; column < columns(); ++column) {
    const uint64_t hash = hash_bytes(word(column));
    size_t i = size_t(hash) & (slots_.size() - 1);
    while (slots_[i].column != 0) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = {.hash = hash, .column = column};
  }
}

int32_t BagVocabulary::column(std::string_view text) const {
  const uint64_t hash = hash_bytes(text);
  for (size_t i = size_t(hash) & (slots_.size() - 1); slots_[i].column != 0; i = (i + 1) & (slots_.size() - 1))
    if (slots_[i].hash == hash && word(slots_[i].column) == text) return slots_[i].column;
  return 0;
}

std::vector<double> BagVocabulary::inverse_frequencies() const {
  std::vector<double> out(words_.size(), 0);
  for (size_t i = 1; i < out.size(); ++i) out[i] = std::log(double(1 + texts_) / double(1 + frequency_[i])) + 1;
  return out;
}

std::vector<float> BagVocabulary::log_background() const {
  int64_t all = 0;
  for (const int64_t n : occurrences_) all += n;
  std::vector<float> out(words_.size(), float(std::log(kNoBackground)));
  for (size_t i = 1; i < out.size(); ++i) out[i] = float(std::log(double(occurrences_[i]) / double(all)));
  return out;
}

uint64_t BagVocabulary::fingerprint() const {
  Hasher hash;
  hash.add(uint64_t(texts_));
  for (size_t i = 0; i < words_.size(); ++i)
    hash.add_text(words_[i]).add(uint64_t(occurrences_[i])).add(uint64_t(frequency_[i]));
  return hash.digest();
}

}  // namespace encore
