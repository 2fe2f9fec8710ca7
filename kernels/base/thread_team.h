// Threads that share a piece of work.
#pragma once

#include <exception>
#include <thread>
#include <vector>

namespace encore {

// Runs `work` on `threads` threads at once, the calling one among them. Where the system has no stack or no number for
// that many, fewer share the work. `work` must not throw.
template <class Work>
void run_on_team(int threads, Work work) {
  std::vector<std::thread> others;
  try {
    for (int t = 1; t < threads; ++t) others.emplace_back(work);
  } catch (const std::exception&) {  // system_error or bad_alloc
  }
  work();
  for (std::thread& other : others) other.join();
}

// The first exception of a parallel loop, which must not leave the loop by itself: OpenMP would end the program.
class LoopFailure {
 public:
  template <class Body>
  void guard(Body body) noexcept {
    try {
      body();
    } catch (...) {
#pragma omp critical(encore_loop_failure)
      if (!failure_) failure_ = std::current_exception();
    }
  }
  // REQUIRES: the loop has ended.
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::exception_ptr failure_;
};

}  // namespace encore
