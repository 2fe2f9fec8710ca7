#include "train/profiler.h"

#include <algorithm>
#include <filesystem>

#include "kernels/base/atomic_file.h"
#include "kernels/base/clock.h"

namespace encore {
namespace {

constexpr size_t kMostEvents = 100'000;  // 13 MB of trace

// Owns the backend that it forwards to.
struct Owned {
  std::unique_ptr<Backend> inner;
};
class OwningBackend : private Owned, public ForwardingBackend {
 public:
  OwningBackend(std::unique_ptr<Backend> inner, Around around)
      : Owned{std::move(inner)}, ForwardingBackend(*Owned::inner, std::move(around)) {}
  // Ops are timed one call at a time, so nothing may be queued ahead or replayed as a graph.
  bool asynchronous() const override { return false; }
  bool can_capture() const override { return false; }
};

std::string rate(double seconds, double flops, double bytes) {
  if (seconds <= 0) return "";
  return flops > 0 ? fmt::format("{:8.1f} GFLOP/s", flops / seconds * 1e-9)
                   : fmt::format("{:8.1f} GB/s", bytes / seconds * 1e-9);
}

std::string shape_text(const OpCost& c) {
  return c.inner > 0 ? fmt::format("{} x {} x {}", c.rows, c.cols, c.inner) : fmt::format("{} x {}", c.rows, c.cols);
}

}  // namespace

void Profiler::OpTotals::add(const OpTotals& o) {
  calls += o.calls;
  seconds += o.seconds;
  flops += o.flops;
  bytes += o.bytes;
}

Profiler::Profiler(std::string trace_file, Clock clock)
    : trace_file_(std::move(trace_file)),
      own_clock_(clock != nullptr),
      clock_(clock ? std::move(clock) : steady_seconds),
      start_(clock_()) {}

std::unique_ptr<Backend> Profiler::wrap(std::unique_ptr<Backend> inner) {
  device_ = inner->description();
  if (!own_clock_) marks_ = inner.get();
  // The hook reads the cost from the backend that calls it.
  auto self = std::make_shared<ForwardingBackend*>(nullptr);
  auto outer = std::make_unique<OwningBackend>(
      std::move(inner),
      [this, self](const char* name, const ForwardingBackend::Call& c) { call(name, (*self)->cost(), c); });
  *self = outer.get();
  return outer;
}

Profiler::Phase::Phase(Profiler* profiler, const char* name) : profiler_(profiler) {
  if (profiler_) profiler_->begin(name);
}
Profiler::Phase::~Phase() {
  if (profiler_) profiler_->end();
}

void Profiler::begin(const char* phase) {
  if (depth_++ > 0) return;
  open_ = phase;
  const auto [entry, fresh] = phases_.try_emplace(open_);
  if (fresh) order_.push_back(open_);
  const int64_t before = fresh ? 0 : entry->second.count + 1;
  traced_ = before < kTraced && traced_calls_.size() < kMostEvents;
  if (marks_) open_mark_ = marks_->record_event();
  open_since_ = now();
}

void Profiler::end() {
  if (--depth_ > 0) return;
  settle();
  const double seconds = now() - open_since_;
  PhaseTotals& p = phases_.at(open_);
  if (traced_) traced_calls_.push_back({open_, open_since_, seconds, std::nullopt});
  if (p.first_seconds == 0 && p.first_ops.empty()) {
    p.first_seconds = seconds;
    p.first_ops = std::move(open_ops_);
  } else {
    ++p.count;
    p.seconds += seconds;
    for (const auto& [name, totals] : open_ops_) p.ops[name].add(totals);
  }
  open_ops_.clear();
  traced_ = false;
}

void Profiler::call(const char* name, const OpCost& cost, const ForwardingBackend::Call& call) {
  const OpCost mine = cost;
  if (depth_ == 0) return call();
  if (marks_) {
    auto from = marks_->record_event();
    call();
    pending_.push_back({name, mine, std::move(from), marks_->record_event()});
    return;
  }
  const double start = now();
  call();
  count(name, mine, start, now() - start);
}

void Profiler::count(const std::string& name, const OpCost& cost, double start, double seconds) {
  open_ops_[name].add({1, seconds, cost.flops, cost.bytes});
  if (traced_ && traced_calls_.size() < kMostEvents) traced_calls_.push_back({name, start, seconds, cost});
}

void Profiler::settle() {
  for (const Pending& p : pending_) {
    const double seconds = marks_->seconds_between(*p.from, *p.to);
    count(p.name, p.cost, open_since_ + marks_->seconds_between(*open_mark_, *p.from), seconds);
  }
  pending_.clear();
}

double Profiler::rest(double wall) const {
  for (const auto& [name, p] : phases_) wall -= p.seconds + p.first_seconds;
  return std::max(0.0, wall);
}

std::string Profiler::phase_text(const std::string& name, const PhaseTotals& p) const {
  const bool repeated = p.count > 0;
  const Ops& ops = repeated ? p.ops : p.first_ops;
  const double times = repeated ? double(p.count) : 1, seconds = repeated ? p.seconds : p.first_seconds;
  std::string text = fmt::format("{}: ", name);
  text += repeated
              ? fmt::format("{} of {:.4g} s after the first of {:.4g} s\n", p.count, seconds / times, p.first_seconds)
              : fmt::format("one of {:.4g} s\n", seconds);
  std::vector<std::pair<std::string, OpTotals>> lines(ops.begin(), ops.end());
  std::sort(lines.begin(), lines.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  double inside = 0;
  const auto line = [&](const std::string& what, const std::string& calls, double s, const std::string& speed) {
    text += fmt::format("  {:<24}{:>9}{:>12.3f} ms{:>7.1f} %  {}\n", what, calls, 1e3 * s / times, 100 * s / seconds,
                        speed);
  };
  for (const auto& [op, t] : lines) {
    inside += t.seconds;
    line(op, fmt::format("{:.6g} x", double(t.calls) / times), t.seconds, rate(t.seconds, t.flops, t.bytes));
  }
  line("outside ops", "", seconds - inside, "");
  return text;
}

std::string Profiler::report() const {
  const double wall = now();
  std::string text = fmt::format("profile of {:.4g} s on {}\n", wall, device_);
  const auto share = [&](const std::string& name, double seconds) {
    text += fmt::format("  {:<24}{:>12.3f} s {:>9.1f} %\n", name, seconds, 100 * seconds / wall);
  };
  for (const std::string& name : order_) share(name, phases_.at(name).seconds + phases_.at(name).first_seconds);
  share("everything else", rest(wall));
  for (const std::string& name : order_) text += phase_text(name, phases_.at(name));
  return text;
}

nlohmann::json Profiler::json() const {
  nlohmann::json phases = nlohmann::json::object();
  for (const auto& [name, p] : phases_) {
    const bool repeated = p.count > 0;
    nlohmann::json& phase = phases[name];
    phase = {{"count", repeated ? p.count : 1},
             {"seconds", repeated ? p.seconds : p.first_seconds},
             {"ops", nlohmann::json::object()}};
    for (const auto& [op, t] : repeated ? p.ops : p.first_ops)
      phase["ops"][op] = {{"calls", t.calls}, {"seconds", t.seconds}, {"flops", t.flops}, {"bytes", t.bytes}};
  }
  return phases;
}

std::string Profiler::trace() const {
  nlohmann::ordered_json events = nlohmann::ordered_json::array();
  for (const TracedCall& e : traced_calls_) {
    nlohmann::ordered_json out{{"name", e.name},
                               {"cat", e.cost ? "op" : "phase"},
                               {"ph", "X"},
                               {"ts", e.start * 1e6},
                               {"dur", e.seconds * 1e6},
                               {"pid", 1},
                               {"tid", 1}};
    if (e.cost) {
      out["args"]["shape"] = shape_text(*e.cost);
      if (e.seconds > 0 && e.cost->flops > 0) out["args"]["GFLOP/s"] = e.cost->flops / e.seconds * 1e-9;
      if (e.seconds > 0) out["args"]["GB/s"] = e.cost->bytes / e.seconds * 1e-9;
    }
    events.push_back(std::move(out));
  }
  const nlohmann::ordered_json about{{"program", "encore"}, {"device", device_}};
  return nlohmann::ordered_json{{"otherData", about}, {"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}}
      .dump();
}

void Profiler::finish(std::FILE* out) const {
  fmt::print(out, "\n{}", report());
  if (!trace_file_.empty()) {
    write_file_atomic(trace_file_, trace() + "\n");
    fmt::print(out, "trace: {} (for chrome://tracing or ui.perfetto.dev)\n", trace_file_);
  }
  std::fflush(out);
}

bool is_profile_trace(const std::string& start) {
  return start.starts_with(R"({"otherData":{"program":"encore",)");
}

std::unique_ptr<Profiler> make_profiler(const ProfileSpec& spec, Device& device) {
  const std::string& file = spec.trace_file;
  if (!spec.profile && file.empty()) return nullptr;
  const std::filesystem::path folder = std::filesystem::absolute(file.empty() ? "x" : file).parent_path();
  std::error_code ignored;
  check(file.empty() || std::filesystem::is_directory(folder, ignored), "--trace {}: there is no folder {}", file,
        folder.string());
  auto profiler = std::make_unique<Profiler>(file);
  device.backend = profiler->wrap(std::move(device.backend));
  return profiler;
}

}  // namespace encore
