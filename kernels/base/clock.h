// The clock that durations are measured with.
#pragma once

#include <chrono>

namespace encore {

// Seconds since some moment before the process started. Never falls, and does not follow the time of day when that is
// set: only differences mean something.
inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
inline double seconds_since(double start) {
  return steady_seconds() - start;
}

}  // namespace encore
