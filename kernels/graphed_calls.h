// Calls that are made again and again and differ only by what lies in backend memory: the passes over batches of one
// shape, the update of the weights. Where the backend can capture, they are captured once and launched as a graph from
// then on, or as several graphs where something that cannot be captured happens between them.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernels/backend.h"

namespace encore {

class GraphedCalls {
 public:
  // Plain runs before the capture: meanwhile the backend chooses its algorithms by trial and its workspace grows.
  static constexpr int kWarmUps = 3;

  // Makes the calls. key: a number for all that they depend on beside the contents of backend memory (a seed, an
  // address). A key that differs from the last one drops the graphs and starts with the warm-ups again.
  // Throws DeviceError when a call cannot be captured.
  void run(Backend& backend, uint64_t key, const std::function<void()>& calls) {
    if (key != key_) reset();
    key_ = key;
    if (captured()) return launch();
    if (!backend.can_capture() || warm_ups_ < kWarmUps) {
      ++warm_ups_;
      return calls();
    }
    capture(backend, calls);
  }

  // For use within the calls of run(): what cannot be captured. It is called in every run, after the calls before it
  // were given to the backend and before those after it.
  void between(std::function<void()> call) {
    if (!capturing_) return call();
    end_part(std::move(call));
    capturing_->begin_capture();
  }

 private:
  struct Part {
    std::unique_ptr<StepGraph> graph;
    std::function<void()> then;  // may be empty
    void launch() const {
      graph->launch();
      if (then) then();
    }
  };

  bool captured() const { return !parts_.empty(); }
  void launch() const {
    for (const Part& part : parts_) part.launch();
  }
  void reset() {
    parts_.clear();
    warm_ups_ = 0;
  }
  // A capture makes no call, so each part is launched as soon as it ends.
  void end_part(std::function<void()> then) {
    parts_.push_back({.graph = capturing_->end_capture(), .then = std::move(then)});
    parts_.back().launch();
  }
  void capture(Backend& backend, const std::function<void()>& calls) {
    capturing_ = &backend;
    backend.begin_capture();
    try {
      calls();
      end_part({});
    } catch (const Error& e) {
      capturing_ = nullptr;
      parts_.clear();
      try {
        backend.end_capture();
      } catch (const Error&) {
        // The first error is the one to report.
      }
      throw DeviceError(fmt::format("{} (in a recorded step; --cuda-graph off makes the calls one by one)", e.what()));
    }
    capturing_ = nullptr;
  }

  std::vector<Part> parts_;
  Backend* capturing_ = nullptr;  // during a capture
  uint64_t key_ = 0;
  int warm_ups_ = 0;
};

}  // namespace encore
