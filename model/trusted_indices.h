#pragma once

#include "kernels/backend.h"

namespace encore {

// While this lives, ops do not check indices on the device, for which they would have to wait: the model has checked
// the batch on the host.
class TrustedIndices {
 public:
  explicit TrustedIndices(Backend& backend) : backend_(backend), before_(backend.set_index_checks(false)) {}
  ~TrustedIndices() { backend_.set_index_checks(before_); }
  TrustedIndices(const TrustedIndices&) = delete;
  TrustedIndices& operator=(const TrustedIndices&) = delete;

 private:
  Backend& backend_;
  bool before_;
};

}  // namespace encore
