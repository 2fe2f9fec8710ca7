#include "train/memory_use.h"

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

}  // namespace encore
