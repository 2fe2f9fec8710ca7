#include "train/step_sums.h"

#include <cstddef>

namespace encore {

static_assert(sizeof(StepSums::Values) == 24);

StepSums::StepSums(Backend& backend)
    : backend_(backend),
      device_(static_cast<char*>(backend.allocate(sizeof(Values)))),
      host_(static_cast<Values*>(backend.allocate_staging(2 * sizeof(Values)))) {}

StepSums::~StepSums() {
  backend_.free(device_);
  backend_.free_staging(host_);
}

int StepSums::take(const Tensor& loss, const Tensor& correct, const Tensor& squares) {
  backend_.copy_on_device(device_ + offsetof(Values, loss), loss.data, sizeof(double));
  backend_.copy_on_device(device_ + offsetof(Values, correct), correct.data, sizeof(int64_t));
  backend_.copy_on_device(device_ + offsetof(Values, squares), squares.data, sizeof(double));
  const int place = next_;
  next_ = 1 - next_;
  backend_.copy_to_host_async(host_ + place, device_, sizeof(Values));
  fetched_[place] = backend_.record_event();
  return place;
}

StepSums::Values StepSums::read(int place) {
  backend_.synchronize(*fetched_[place]);
  return host_[place];
}

Tensor StepSums::loss() const {
  return Tensor(reinterpret_cast<double*>(device_), 1, 1);
}

}  // namespace encore
