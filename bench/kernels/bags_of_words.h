// Random bags for the cases of VAMPIRE's ops: Zipf's law over the words, `entries` of them in each document.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/kernels/kernel_bench.h"

namespace encore::bench {

struct BagsOfWords {
  static constexpr int64_t kLatent = 81;
  int64_t documents, words, entries;

  // As vampire_bench: 30,001 words, 60 entries a document; 1/100 of the words where sizes are tiny.
  static BagsOfWords of(const Sizes& sizes, int64_t documents) {
    return {documents, sizes.vocabulary < 1000 ? 301 : 30001, sizes.vocabulary < 1000 ? 6 : 60};
  }

  // Draws the documents. Both forms hold the same entries.
  void draw(Inputs& in, Bags& bags, BagsByWord& by_word) const {
    std::vector<int32_t> row_start{0}, column, word_start(size_t(words + 1)), document;
    std::vector<std::vector<int32_t>> of_word(static_cast<size_t>(words));
    std::uniform_real_distribution<double> uniform(0, 1);
    for (int64_t r = 0; r < documents; ++r) {
      std::vector<int32_t> chosen;
      while (int64_t(chosen.size()) < entries) {
        const auto w = int32_t(std::pow(double(words - 1), uniform(in.random)));
        if (std::find(chosen.begin(), chosen.end(), w) == chosen.end()) chosen.push_back(w);
      }
      std::sort(chosen.begin(), chosen.end());
      for (const int32_t w : chosen) column.push_back(w), of_word[size_t(w)].push_back(int32_t(r));
      row_start.push_back(int32_t(column.size()));
    }
    for (int64_t w = 0; w < words; ++w) {
      document.insert(document.end(), of_word[size_t(w)].begin(), of_word[size_t(w)].end());
      word_start[size_t(w + 1)] = int32_t(document.size());
    }
    const std::vector<float> ones(column.size(), 1.f);
    bags = {.row_start = in.given(row_start), .column = in.given(column), .value = in.given(ones)};
    by_word = {.word_start = in.given(word_start), .document = in.given(document), .value = in.given(ones)};
  }
};

}  // namespace encore::bench
