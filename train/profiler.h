// --profile and --trace: where the time of a program goes, by phase (a training step, an evaluation, ...) and by op.
//
// A profiler puts itself between the model and its backend, so a program that does not ask for one pays nothing. Times
// of ops are the backend's own (Backend::record_event), also where it computes behind the program's back; what a phase
// spends outside ops is then the time in which the device had nothing to do.
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
  using Clock = std::function<double()>;  // seconds, rising; one that is given times the ops' calls too
  // The trace keeps this many occurrences of every phase, of which the first is the warm-up.
  static constexpr int64_t kTraced = 6;

  explicit Profiler(std::string trace_file = "", Clock clock = {});

  // The backend with the profiler before it. The profiler must live for as long as ops are called.
  std::unique_ptr<Backend> wrap(std::unique_ptr<Backend>);

  // Open for the life of the object; profiler may be null. A phase within a phase counts to the outer one.
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
  // memory is touched for the first time, is told apart where there is another.
  std::string report() const;
  // In the Trace Event Format of chrome://tracing and Perfetto.
  std::string trace() const;
  // {phase: {"count", "seconds", "ops": {op: {"calls", "seconds", "flops", "bytes"}}}}, of all but the first occurrence
  // where there is another.
  nlohmann::json json() const;
  // Prints the report and writes the trace, if one was asked for.
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
  std::vector<std::string> order_;  // phases as they first came
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

// Null unless the spec asks for a profile or a trace; else device.backend is profiled from here on. Throws Error when
// the trace file's folder is missing.
std::unique_ptr<Profiler> make_profiler(const ProfileSpec&, Device&);

}  // namespace encore
