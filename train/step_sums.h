// Copies the sums of a step from the device asynchronously, so that reading them does not stall the device.
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

  // Starts to copy the sums, [1, 1] each on the backend, to the host. Returns the place to pass to read(); the second
  // take() after this one reuses it.
  int take(const Tensor& loss, const Tensor& correct, const Tensor& squares);
  // Waits for the copy.
  Values read(int place);
  // The loss of the last take(), on the backend; valid until the next one.
  Tensor loss() const;

 private:
  Backend& backend_;
  char* device_;
  Values* host_;  // two places
  std::unique_ptr<Event> fetched_[2];
  int next_ = 0;
};

}  // namespace encore
