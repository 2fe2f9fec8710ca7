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

// The largest anonymous memory of a process, also between samples: where the peak of VmRSS has grown since the last
// sample, that peak without the mapped files that are resident now.
class AnonymousPeak {
 public:
  void sample();
  // What was resident since the last sample does not count: model files were mapped. So does the first sample.
  void leave_out();
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_ = 0, resident_peak_ = 0;
};

}  // namespace encore
