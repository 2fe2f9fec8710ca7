#include "train/memory_use.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

namespace encore {

MemoryUse memory_use() {
  MemoryUse use;
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, colon);
    size_t* field = key == "RssAnon" ? &use.anonymous
                    : key == "VmRSS" ? &use.resident
                    : key == "VmHWM" ? &use.peak
                                     : nullptr;
    if (field) *field = size_t(std::strtoull(line.c_str() + colon + 1, nullptr, 10)) * 1024;
  }
  return use;
}

void AnonymousPeak::sample() {
  const MemoryUse use = memory_use();
  bytes_ = std::max(bytes_, use.anonymous);
  const size_t mapped = use.resident - std::min(use.resident, use.anonymous);
  if (resident_peak_ > 0 && use.peak > resident_peak_) bytes_ = std::max(bytes_, use.peak - std::min(use.peak, mapped));
  resident_peak_ = use.peak;
}

void AnonymousPeak::leave_out() {
  resident_peak_ = memory_use().peak;
}

}  // namespace encore
