// Random cases for the tests of ops, the same in every run. The environment sets how many (ENCORE_RANDOM_SHAPES, 20)
// and the most rows of one (ENCORE_RANDOM_ROWS, 200).
#pragma once

#include <cstdlib>
#include <random>
#include <vector>

#include "kernels/base/dtype.h"

namespace encore::test {

class RandomShapes {
 public:
  // Each test has a seed of its own.
  explicit RandomShapes(uint64_t seed) : random_(seed) {}

  static int count() { return from_environment("ENCORE_RANDOM_SHAPES", 20); }
  static int most_rows() { return from_environment("ENCORE_RANDOM_ROWS", 200); }

  int64_t between(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }
  bool coin() { return between(0, 1) == 1; }
  template <class T>
  T one_of(const std::vector<T>& all) {
    return all[size_t(between(0, int64_t(all.size()) - 1))];
  }
  DType dtype() { return one_of<DType>({DType::kF32, DType::kBF16}); }
  int64_t rows() { return between(1, most_rows()); }
  // Mostly rows of whole 16-byte words, as in models.
  int64_t columns(int64_t most) { return coin() ? between(1, most / 8) * 8 : between(1, most); }
  // Elements between two rows.
  int64_t gap() { return one_of<int64_t>({0, 0, 8, 3}); }
  // Lengths of packed sequences, some of them empty: at most `most` tokens in all, at least one.
  std::vector<int> lengths(int64_t most) {
    std::vector<int> all;
    int64_t left = between(1, most);
    for (int64_t n = between(1, 6); n > 1; --n) {
      all.push_back(int(between(0, 5) == 0 ? 0 : between(0, left - 1)));
      left -= all.back();
    }
    all.insert(all.begin() + between(0, int64_t(all.size())), int(left));
    return all;
  }

  // The results of make(shapes), as many as ENCORE_RANDOM_SHAPES asks for.
  template <class F>
  static auto cases(uint64_t seed, F make) {
    RandomShapes shapes(seed);
    std::vector<decltype(make(shapes))> all;
    for (int i = 0; i < count(); ++i) all.push_back(make(shapes));
    return all;
  }

 private:
  static int from_environment(const char* name, int otherwise) {
    const char* text = std::getenv(name);
    const int value = text ? std::atoi(text) : 0;
    return value > 0 ? value : otherwise;
  }

  std::mt19937_64 random_;
};

}  // namespace encore::test
