// The memory of this process, as the kernel reports it.
#pragma once

#include <cstddef>

namespace encore {

struct MemoryUse {
  size_t anonymous = 0;  // RssAnon: what was allocated, without mapped files
  size_t resident = 0;   // VmRSS
  size_t peak = 0;       // VmHWM: the largest VmRSS so far
};
MemoryUse memory_use();  // from /proc/self/status; zeros where there is none

}  // namespace encore
