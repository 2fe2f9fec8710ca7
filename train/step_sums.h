// The sums of a step on their way from the device: read when they are there, without holding up the device.
#pragma once

#include <memory>

#include "kernels/backend.h"

namespace encore {

class StepSums {
 public:
  struct Values {
    double loss = 0;      // nats, summed over targets
    int64_t correct = 0;  // targets whose largest logit is the label
    double squares = 0;   // of the gradient
  };

  explicit StepSums(Backend&);
  ~StepSums();
  StepSums(const StepSums&) = delete;
  StepSums& operator=(const StepSums&) = delete;

  // Copies the sums, [1, 1] each on the backend, and sends the copy on its way. Returns what read() asks for; the
  // second take() after this one reuses the place.
  int take(const Tensor& loss, const Tensor& correct, const Tensor& squares);
  // Waits until they are there.
  Values read(int place);
  // Of the last take(), on the backend, until the next one.
  Tensor loss() const;

 private:
  Backend& backend_;
  char* device_;
  Values* host_;  // two places
  std::unique_ptr<Event> fetched_[2];
  int next_ = 0;
};

}  // namespace encore
