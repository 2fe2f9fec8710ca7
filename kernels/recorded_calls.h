// Calls that come again and again, the same each time but for what lies in backend memory: the passes over batches of
// one shape, the update of the weights. Where the backend records (a CUDA graph) they are recorded once and replayed.
#pragma once

#include <functional>
#include <memory>

#include "kernels/backend.h"

namespace encore {

class RecordedCalls {
 public:
  // Made as calls so often before: the backend chooses algorithms by trial, and its working memory grows.
  static constexpr int kRehearsals = 3;

  // Makes the calls. key: of all that they depend on and that does not lie in backend memory; with another key than the
  // last time everything begins anew.
  // Throws DeviceError when something in the calls cannot be recorded.
  void run(Backend& backend, uint64_t key, const std::function<void()>& calls) {
    if (key != key_) forget();
    key_ = key;
    if (recording_) return recording_->replay();
    if (!backend.records() || rehearsed_ < kRehearsals) {
      ++rehearsed_;
      return calls();
    }
    record(backend, calls);
    recording_->replay();
  }

  // Memory that the calls name is no longer theirs.
  void forget() {
    recording_.reset();
    rehearsed_ = 0;
  }
  bool recorded() const { return recording_ != nullptr; }

 private:
  void record(Backend& backend, const std::function<void()>& calls) {
    backend.begin_recording();
    try {
      calls();
    } catch (const Error& e) {
      try {
        backend.end_recording();
      } catch (const Error&) {
        // The one that came first is told.
      }
      throw DeviceError(fmt::format("{} (in a recorded step; --cuda-graph off makes the calls one by one)", e.what()));
    }
    recording_ = backend.end_recording();
  }

  std::unique_ptr<Recording> recording_;
  uint64_t key_ = 0;
  int rehearsed_ = 0;
};

}  // namespace encore
