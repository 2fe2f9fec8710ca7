#include <simt/executor.h>
#include <src/launch.h>
#include <src/memory.h>
#include <src/stream.h>

#include <chrono>
#include <cstring>
#include <deque>
#include <memory>
#include <set>

// No locks: the launchers make host calls from one thread at a time.

namespace simt {
struct Moment {  // of one cudaEventRecord
  cudaStream_t stream;
  bool passed = false;
  std::chrono::steady_clock::time_point time;
};
}  // namespace simt

struct simt_graph {
  std::vector<simt::Work> work;
};
struct simt_graph_exec {
  std::vector<simt::Work> work;
};
struct simt_stream {
  std::deque<simt::Work> waiting;
  std::unique_ptr<simt_graph> capture;
  bool broken = false;  // the capture
};
struct simt_event {
  std::shared_ptr<simt::Moment> moment;
  bool timed = true;
};

namespace simt {
namespace {

std::set<cudaStream_t> streams;
std::string capture_fault;  // why the current capture is invalid; empty: it is valid

cudaStream_t captured_stream() {
  for (const cudaStream_t s : streams)
    if (s->capture) return s;
  return nullptr;
}

cudaError_t run(const Work& w) {
  for (const Use& use : w.uses) {
    if (allocation_id(use.base) == use.id) continue;
    remember_message(w.name() + ": memory that it names was freed since");
    return note_error(cudaErrorIllegalAddress);
  }
  return w.run();
}

// Runs the work that waits in a stream, until `enough` returns true.
template <class F>
cudaError_t advance(cudaStream_t s, F&& enough) {
  while (!s->waiting.empty() && !enough()) {
    const Work w = std::move(s->waiting.front());
    s->waiting.pop_front();
    if (const cudaError_t e = run(w); e != cudaSuccess) return e;
  }
  return lost_device();
}

cudaError_t reach(const Moment& m) {
  if (m.passed || !streams.contains(m.stream)) return lost_device();
  return advance(m.stream, [&] { return m.passed; });
}

cudaError_t break_capture(cudaStream_t s, cudaError_t code, const std::string& why) {
  s->broken = true;
  capture_fault = why;
  remember_message(why);
  return note_error(code);
}

Work named(const char* name, std::function<cudaError_t()> run) {
  return {[name] { return std::string(name); }, std::move(run), {}};
}

}  // namespace

bool outlives_call(cudaStream_t s) {
  return s && (s->capture || options().late_streams);
}

cudaError_t submit(cudaStream_t s, Work w) {
  if (const cudaError_t e = lost_device(); e != cudaSuccess) return note_error(e);
  if (s && s->capture) {
    s->capture->work.push_back(std::move(w));
    return cudaSuccess;
  }
  if (!s || !options().late_streams) return run(w);
  s->waiting.push_back(std::move(w));
  return cudaSuccess;
}

void add_use(std::vector<Use>& uses, const void* p) {
  if (const char* base = allocation_of(p)) uses.push_back({base, allocation_id(base)});
}

std::vector<Use> uses_of(const void* bytes, size_t count) {
  std::vector<Use> uses;
  for (size_t at = 0; at + sizeof(void*) <= count; at += sizeof(void*)) {
    const void* word = nullptr;
    std::memcpy(&word, static_cast<const char*>(bytes) + at, sizeof word);
    add_use(uses, word);
  }
  return uses;
}

cudaError_t outside_capture(const char* call) {
  if (const cudaError_t e = lost_device(); e != cudaSuccess) return note_error(e);
  const cudaStream_t s = captured_stream();
  if (!s) return cudaSuccess;
  return break_capture(s, cudaErrorStreamCaptureUnsupported,
                       std::string(call) + " while a stream is captured: it allocates or waits");
}

cudaError_t finish_streams() {
  for (const cudaStream_t s : std::set<cudaStream_t>(streams))
    if (const cudaError_t e = advance(s, [] { return false; }); e != cudaSuccess) return e;
  return lost_device();
}

}  // namespace simt

using simt::note_error;

cudaError_t cudaStreamCreate(cudaStream_t* s) {
  *s = new simt_stream;
  simt::streams.insert(*s);
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) {
  return cudaStreamCreate(s);
}
cudaError_t cudaStreamDestroy(cudaStream_t s) {
  if (!s) return note_error(cudaErrorInvalidResourceHandle);
  const cudaError_t e = cudaStreamSynchronize(s);
  simt::streams.erase(s);
  delete s;
  return e;
}
cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  if (!s) return simt::lost_device();
  if (s->capture)
    return simt::break_capture(s, cudaErrorStreamCaptureUnsupported, "cudaStreamSynchronize of a captured stream");
  return simt::advance(s, [] { return false; });
}
cudaError_t cudaStreamQuery(cudaStream_t s) {
  if (!s) return simt::lost_device();
  if (s->capture)
    return simt::break_capture(s, cudaErrorStreamCaptureUnsupported, "cudaStreamQuery of a captured stream");
  const size_t before = s->waiting.size();
  if (const cudaError_t e = simt::advance(s, [&] { return s->waiting.size() < before; }); e != cudaSuccess) return e;
  return s->waiting.empty() ? cudaSuccess : note_error(cudaErrorNotReady);
}
cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t e = simt::outside_capture("cudaDeviceSynchronize"); e != cudaSuccess) return e;
  return simt::finish_streams();
}
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned) {
  if (!e) return note_error(cudaErrorInvalidResourceHandle);
  const auto moment = e->moment;
  if (!moment) return cudaSuccess;  // never recorded
  return simt::submit(s, simt::named("cudaStreamWaitEvent", [moment] { return simt::reach(*moment); }));
}

cudaError_t cudaEventCreate(cudaEvent_t* e) {
  return cudaEventCreateWithFlags(e, cudaEventDefault);
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned flags) {
  *e = new simt_event;
  (*e)->timed = !(flags & cudaEventDisableTiming);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t e) {
  if (!e) return note_error(cudaErrorInvalidResourceHandle);
  delete e;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  if (!e) return note_error(cudaErrorInvalidResourceHandle);
  if (s && s->capture)
    return simt::break_capture(s, cudaErrorStreamCaptureUnsupported, "cudaEventRecord in a capture: not modelled here");
  const auto moment = e->moment =
      std::make_shared<simt::Moment>(simt::Moment{.stream = s, .passed = false, .time = {}});
  return simt::submit(s, simt::named("cudaEventRecord", [moment] {
                        moment->time = std::chrono::steady_clock::now();
                        moment->passed = true;
                        return cudaSuccess;
                      }));
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  if (!e) return note_error(cudaErrorInvalidResourceHandle);
  return e->moment ? simt::reach(*e->moment) : simt::lost_device();
}
cudaError_t cudaEventQuery(cudaEvent_t e) {
  if (!e) return note_error(cudaErrorInvalidResourceHandle);
  if (!e->moment || e->moment->passed) return simt::lost_device();
  if (const cudaError_t error = cudaStreamQuery(e->moment->stream); error != cudaSuccess && error != cudaErrorNotReady)
    return error;
  return e->moment->passed ? cudaSuccess : note_error(cudaErrorNotReady);
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  if (!start || !stop || !start->moment || !stop->moment || !start->timed || !stop->timed)
    return note_error(cudaErrorInvalidResourceHandle);
  if (!start->moment->passed || !stop->moment->passed) return note_error(cudaErrorNotReady);
  *milliseconds = std::chrono::duration<float, std::milli>(stop->moment->time - start->moment->time).count();
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode) {
  if (!s || simt::captured_stream()) return note_error(cudaErrorStreamCaptureUnsupported);
  if (mode != cudaStreamCaptureModeGlobal && mode != cudaStreamCaptureModeThreadLocal)
    return note_error(cudaErrorNotSupported);
  s->capture = std::make_unique<simt_graph>();
  s->broken = false;
  simt::capture_fault.clear();
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t s, cudaStreamCaptureStatus* status) {
  *status = !s || !s->capture ? cudaStreamCaptureStatusNone
            : s->broken       ? cudaStreamCaptureStatusInvalidated
                              : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t* graph) {
  *graph = nullptr;
  if (!s || !s->capture) return note_error(cudaErrorInvalidValue);
  const std::unique_ptr<simt_graph> captured = std::move(s->capture);
  if (s->broken) {
    simt::remember_message(simt::capture_fault);
    return note_error(cudaErrorStreamCaptureInvalidated);
  }
  *graph = new simt_graph(*captured);
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  if (!graph) return note_error(cudaErrorInvalidValue);
  *exec = new simt_graph_exec{graph->work};
  return cudaSuccess;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
  if (!graph) return note_error(cudaErrorInvalidValue);
  *count = graph->work.size();
  return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t) {
  return exec ? cudaSuccess : note_error(cudaErrorInvalidValue);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s) {
  if (!exec || !s || s->capture) return note_error(cudaErrorInvalidValue);
  for (const simt::Work& w : exec->work)
    if (const cudaError_t e = simt::submit(s, w); e != cudaSuccess) return e;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
