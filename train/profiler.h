// --profile and --trace: measure the time of a program by phase (a training step, an evaluation, ...) and by op.
//
// A profiler wraps the backend of the model, so a program without one pays nothing. The backend times the ops
// (Backend::record_event), also when it computes asynchronously; the time of a phase outside ops is then the time for
// which the device was idle.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/forwarding_backend.h"
#include "train/device.h"

namespace encore {

class Profiler {
 public:
  using Clock = std::function<double()>;  // seconds, rising; a clock that is passed in also times the ops
  // The trace keeps this many occurrences of every phase; the first one is the warm-up.
  static constexpr int64_t kTraced = 6;

  explicit Profiler(std::string trace_file = "", Clock clock = {});

  // The backend wrapped by the profiler, which must outlive the last call of an op.
  std::unique_ptr<Backend> wrap(std::unique_ptr<Backend>);

  // Lasts as long as the object; profiler may be null. A nested phase counts towards the outer one.
  class Phase {
   public:
    Phase(Profiler*, const char* name);
    ~Phase();
    Phase(const Phase&) = delete;
    Phase& operator=(const Phase&) = delete;

   private:
    Profiler* profiler_;
  };

  // Every phase with its share of the time since the profiler was made, and every op's share of its phase: calls,
  // GFLOP/s of products and attention, GB/s of the rest. The first occurrence of a phase, in which kernels are made and
  // memory is touched for the first time, is listed separately if there are others.
  std::string report() const;
  // In the Trace Event Format of chrome://tracing and Perfetto.
  std::string trace() const;
  // {phase: {"count", "seconds", "ops": {op: {"calls", "seconds", "flops", "bytes"}}}}, without the first occurrence of
  // a phase if there are others.
  nlohmann::json json() const;
  // Prints the report, and writes the trace if a trace file was given.
  void finish(std::FILE* out) const;

 private:
  struct OpTotals {
    int64_t calls = 0;
    double seconds = 0, flops = 0, bytes = 0;
    void add(const OpTotals&);
  };
  using Ops = std::map<std::string, OpTotals>;
  struct PhaseTotals {
    int64_t count = 0;  // without the first
    double seconds = 0, first_seconds = 0;
    Ops ops, first_ops;
  };
  struct TracedCall {
    std::string name;
    double start, seconds;
    std::optional<OpCost> cost;  // of an op
  };
  struct Pending {  // an op whose time the backend may not know yet
    std::string name;
    OpCost cost;
    std::unique_ptr<Event> from, to;
  };

  void begin(const char* phase);
  void end();
  void call(const char* name, const OpCost& cost, const ForwardingBackend::Call& call);
  void count(const std::string& name, const OpCost& cost, double start, double seconds);
  void settle();  // the pending ops; waits for the backend
  double now() const { return clock_() - start_; }
  double rest(double wall) const;  // outside all phases
  std::string phase_text(const std::string& name, const PhaseTotals&) const;

  std::string trace_file_;
  bool own_clock_;
  Clock clock_;
  double start_;
  std::string device_;
  std::vector<std::string> order_;  // phases by their first occurrence
  std::map<std::string, PhaseTotals> phases_;
  std::vector<TracedCall> traced_calls_;

  int depth_ = 0;
  std::string open_;
  double open_since_ = 0;
  Ops open_ops_;
  Backend* marks_ = nullptr;  // null: ops are timed by the clock
  std::unique_ptr<Event> open_mark_;
  std::vector<Pending> pending_;
  bool traced_ = false;  // the open phase goes into the trace
};

struct ProfileSpec {
  bool profile = false;    // report at the end
  std::string trace_file;  // the same, and the trace; empty: none
};

// Whether a file begins like a trace of this program; those of others are JSON with "traceEvents" too.
bool is_profile_trace(const std::string& start);

// Null unless the spec asks for a profile or a trace; else wraps device.backend. Throws Error when the trace file's
// folder is missing.
std::unique_ptr<Profiler> make_profiler(const ProfileSpec&, Device&);

}  // namespace encore
