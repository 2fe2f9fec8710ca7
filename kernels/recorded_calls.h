// Calls that come again and again, the same each time but for what lies in backend memory: the passes over batches of
// one shape, the update of the weights. Where the backend records (a CUDA graph) they are recorded once and replayed,
// in parts where something comes between them that is not recorded.
#pragma once

#include <functional>
#include <memory>
#include <vector>

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
    if (recorded()) return replay();
    if (!backend.records() || rehearsed_ < kRehearsals) {
      ++rehearsed_;
      return calls();
    }
    record(backend, calls);
  }

  // For use within the calls of run(): what is not recorded, but called each time, when what comes before it has been
  // given to the backend, and before what comes after.
  void between(std::function<void()> call) {
    if (!records_on_) return call();
    end_part(std::move(call));
    records_on_->begin_recording();
  }

  // Memory that the calls name is no longer theirs.
  void forget() {
    parts_.clear();
    rehearsed_ = 0;
  }
  bool recorded() const { return !parts_.empty(); }

 private:
  struct Part {
    std::unique_ptr<StepGraph> recording;
    std::function<void()> then;  // may be empty
    void replay() const {
      recording->replay();
      if (then) then();
    }
  };

  void replay() const {
    for (const Part& part : parts_) part.replay();
  }
  // What is recorded is not made: each part is replayed as it ends.
  void end_part(std::function<void()> then) {
    parts_.push_back({records_on_->end_recording(), std::move(then)});
    parts_.back().replay();
  }
  void record(Backend& backend, const std::function<void()>& calls) {
    records_on_ = &backend;
    backend.begin_recording();
    try {
      calls();
      end_part({});
    } catch (const Error& e) {
      records_on_ = nullptr;
      parts_.clear();
      try {
        backend.end_recording();
      } catch (const Error&) {
        // The one that came first is told.
      }
      throw DeviceError(fmt::format("{} (in a recorded step; --cuda-graph off makes the calls one by one)", e.what()));
    }
    records_on_ = nullptr;
  }

  std::vector<Part> parts_;
  Backend* records_on_ = nullptr;  // while it records
  uint64_t key_ = 0;
  int rehearsed_ = 0;
};

}  // namespace encore
