#include "data/select/bags/npmi.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "kernels/base/check.h"

namespace encore {

PairCounts::PairCounts(std::vector<std::vector<int32_t>> topics, int32_t columns)
    : topics_(std::move(topics)), first_place_(size_t(columns) + 1), held_(topics_.size()) {
  for (size_t t = 0; t < topics_.size(); ++t) {
    const std::vector<int32_t>& words = topics_[t];
    check(!words.empty() && int64_t(words.size()) <= kMostWords, "topic {} has {} words: 1 to {} are compared", t,
          words.size(), kMostWords);
    singles_.emplace_back(words.size());
    pairs_.emplace_back(words.size() * words.size());
    for (const int32_t column : words) {
      check(column > 0 && column < columns, "topic {}: word {} of {} columns", t, column, columns);
      ++first_place_[size_t(column) + 1];
    }
  }
  for (size_t c = 1; c < first_place_.size(); ++c) first_place_[c] += first_place_[c - 1];
  places_.resize(size_t(first_place_.back()));
  std::vector<int32_t> next(first_place_.begin(), first_place_.end() - 1);
  for (size_t t = 0; t < topics_.size(); ++t)
    for (size_t w = 0; w < topics_[t].size(); ++w)
      places_[size_t(next[size_t(topics_[t][w])]++)] = {.topic = int32_t(t), .word = int32_t(w)};
}

void PairCounts::add(const SparseRows& rows, int64_t first, int64_t last) {
  std::vector<int32_t> met;  // topics of which the text holds a word
  for (int64_t r = first; r < last; ++r) {
    for (int64_t i = rows.row_start[size_t(r)]; i < rows.row_start[size_t(r) + 1]; ++i) {
      const size_t column = size_t(rows.column[size_t(i)]);
      for (int32_t p = first_place_[column]; p < first_place_[column + 1]; ++p) {
        const Place& place = places_[size_t(p)];
        if (held_[size_t(place.topic)] == 0) met.push_back(place.topic);
        held_[size_t(place.topic)] |= uint64_t(1) << place.word;
      }
    }
    for (const int32_t topic : met) {
      const size_t words = topics_[size_t(topic)].size();
      std::vector<int64_t>&singles = singles_[size_t(topic)], &pairs = pairs_[size_t(topic)];
      for (uint64_t held = std::exchange(held_[size_t(topic)], 0); held != 0; held &= held - 1) {
        const size_t a = size_t(std::countr_zero(held));
        ++singles[a];
        for (uint64_t rest = held & (held - 1); rest != 0; rest &= rest - 1)
          ++pairs[a * words + size_t(std::countr_zero(rest))];
      }
    }
    met.clear();
  }
  texts_ += last - first;
}

void PairCounts::add(const PairCounts& other) {
  for (size_t t = 0; t < topics_.size(); ++t) {
    for (size_t i = 0; i < singles_[t].size(); ++i) singles_[t][i] += other.singles_[t][i];
    for (size_t i = 0; i < pairs_[t].size(); ++i) pairs_[t][i] += other.pairs_[t][i];
  }
  texts_ += other.texts_;
}

int64_t PairCounts::with(int64_t topic, int64_t a, int64_t b) const {
  const int64_t words = int64_t(topics_[size_t(topic)].size());
  return pairs_[size_t(topic)][size_t(std::min(a, b) * words + std::max(a, b))];
}

double npmi_standard(int64_t texts, int64_t with_a, int64_t with_b, int64_t with_both) {
  if (with_both == 0) return -1;
  if (with_both == texts) return 0;
  const double all = std::log(double(texts)), both = std::log(double(with_both));
  return (all + both - std::log(double(with_a)) - std::log(double(with_b))) / (all - both);
}

double npmi_vampire(int64_t texts, int64_t with_a, int64_t with_b, int64_t with_both) {
  // By the counts, not by the value: the original's own rounding decides whether it sees an exact 1.
  if (with_both == 0 || (with_both == with_a && with_both == with_b)) return 0;
  return npmi_standard(texts, with_a, with_b, with_both);
}

Npmi npmi_of(const PairCounts& counts) {
  Npmi out;
  double vampire_sum = 0, standard_sum = 0, all_pairs = 0;
  int64_t existing = 0;
  for (int64_t t = 0; t < int64_t(counts.topics().size()); ++t) {
    const int64_t words = int64_t(counts.topics()[size_t(t)].size());
    const double topic_pairs = double(words * (words - 1)) / 2;
    TopicNpmi topic;
    double vampire = 0, standard = 0;
    for (int64_t a = 0; a < words; ++a)
      for (int64_t b = a + 1; b < words; ++b) {
        const int64_t with_a = counts.with(t, a), with_b = counts.with(t, b);
        if (with_a == 0 || with_b == 0) continue;
        ++topic.pairs;
        vampire += npmi_vampire(counts.texts(), with_a, with_b, counts.with(t, a, b));
        standard += npmi_standard(counts.texts(), with_a, with_b, counts.with(t, a, b));
      }
    if (topic_pairs > 0) topic.vampire = vampire / topic_pairs;
    if (topic.pairs > 0) topic.standard = standard / double(topic.pairs);
    vampire_sum += vampire;
    standard_sum += standard;
    all_pairs += topic_pairs;
    existing += topic.pairs;
    out.topics.push_back(topic);
  }
  if (all_pairs > 0) out.vampire = vampire_sum / all_pairs;
  if (existing > 0) out.standard = standard_sum / double(existing);
  return out;
}

std::vector<std::vector<int32_t>> top_words(const std::vector<float>& weights, int64_t topics, int64_t count) {
  const int64_t columns = int64_t(weights.size()) / topics;
  const size_t kept = size_t(std::clamp<int64_t>(columns - 1, 0, count));
  std::vector<std::vector<int32_t>> out;
  std::vector<int32_t> order(size_t(std::max<int64_t>(0, columns - 1)));
  for (int64_t t = 0; t < topics; ++t) {
    for (size_t i = 0; i < order.size(); ++i) order[i] = int32_t(i + 1);
    const auto weight = [&](int32_t column) { return weights[size_t(column * topics + t)]; };
    std::partial_sort(order.begin(), order.begin() + std::ptrdiff_t(kept), order.end(),
                      [&](int32_t a, int32_t b) { return weight(a) != weight(b) ? weight(a) > weight(b) : a < b; });
    out.emplace_back(order.begin(), order.begin() + std::ptrdiff_t(kept));
  }
  return out;
}

}  // namespace encore
