// Softmax on the host, of logits that were read back: for probabilities that are reported.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

namespace encore {

// The softmax of one row, in double precision. Entries are computed when they are asked for, so that the few likeliest
// of a vocabulary cost one pass over it. The row must outlive the object and not be empty.
class Softmax {
 public:
  explicit Softmax(std::span<const float> logits)
      : logits_(logits), largest_(std::max_element(logits.begin(), logits.end())) {
    for (const float logit : logits_) sum_ += std::exp(double(logit) - *largest_);
  }
  double operator[](size_t i) const { return std::exp(double(logits_[i]) - *largest_) / sum_; }
  // Index of the largest logit, the first of equals.
  size_t argmax() const { return size_t(largest_ - logits_.begin()); }

 private:
  std::span<const float> logits_;
  std::span<const float>::iterator largest_;
  double sum_ = 0;
};

}  // namespace encore
