#include "train/kept_weights.h"

#include <algorithm>

namespace encore {

KeptWeights::KeptWeights(const ParamStore& params) : host_(size_t(params.length())) {
  params.backend().copy_to_host(host_.data(), params.weights().data, host_.size() * sizeof(float));
}

void KeptWeights::exchange(ParamStore& params) {
  constexpr int64_t kPart = int64_t(1) << 20;
  std::vector<float> part;
  for (int64_t first = 0; first < int64_t(host_.size()); first += kPart) {
    part.resize(size_t(std::min(kPart, int64_t(host_.size()) - first)));
    void* device = params.weights().col_range(first, int64_t(part.size())).data;
    params.backend().copy_to_host(part.data(), device, part.size() * sizeof(float));
    params.backend().copy_to_device(device, host_.data() + first, part.size() * sizeof(float));
    std::copy(part.begin(), part.end(), host_.begin() + first);
  }
  params.weights_changed();
}

}  // namespace encore
