// The one interface between the model and the hardware: every op that the models need, forward and backward.
//
// Model code calls the free functions of kernels/ops/*.h, which check their arguments once for all backends and then
// call the method of the same name here.
//
// Values that index something (ids, labels, rows, cu_seqlens, segments, counts) lie in backend memory, so the backend
// checks them, in every build, before it uses them, and throws Error naming the op, the list, the index and the value.
// On a device that means waiting for it once a list: a backend may have a switch for callers whose batches were checked
// on the host before they were uploaded (model/device_batch.h, check_batch), as a step that a graph holds must be.
//
// Rules: parameter gradients are added to; activation gradients are overwritten; nothing repairs a NaN. Calls are
// ordered: an op sees the results of those before it. Results are readable on the host after copy_to_host (which
// waits).
#pragma once

#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "kernels/collectives.h"
#include "kernels/ops/adamw.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/cast.h"
#include "kernels/ops/cross_entropy.h"
#include "kernels/ops/dropout.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/gather.h"
#include "kernels/ops/gelu.h"
#include "kernels/ops/layernorm.h"
#include "kernels/ops/matmul.h"
#include "kernels/ops/reduce.h"
#include "kernels/ops/tanh.h"

namespace encore {

// A point in the order of a backend's calls (Backend::record_event).
class Event {
 public:
  virtual ~Event() = default;
};

// Calls that a backend has recorded (Backend::begin_recording).
class StepGraph {
 public:
  virtual ~StepGraph() = default;
  virtual void replay() = 0;  // makes them again, as they were; in order with other calls
};

// Of backends whose calls are done when they return.
class HostEvent final : public Event {
 public:
  const std::chrono::steady_clock::time_point time = std::chrono::steady_clock::now();
};

// Memory of a device, in bytes; what other programs hold is not free.
struct DeviceMemory {
  size_t free, total;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // For people: "cpu: AMD EPYC, 2 threads, avx512 bf16, oneDNN 2.6.3".
  virtual std::string description() const = 0;
  // Does the device multiply bf16 natively? Without it --dtype bf16 is refused.
  virtual bool native_bf16() const = 0;

  // Memory of the backend: zero-filled, aligned to 256 bytes. Throws Error naming the bytes when there is not enough.
  virtual void* allocate(size_t bytes) = 0;
  virtual void free(void* p) = 0;
  // Absent where the backend's memory is the host's.
  virtual std::optional<DeviceMemory> device_memory() const { return std::nullopt; }
  // Returns when every call so far is done. Throws DeviceError when one of them failed.
  virtual void synchronize() {}
  virtual void copy_to_device(void* device, const void* host, size_t bytes) = 0;
  virtual void copy_to_host(void* host, const void* device, size_t bytes) = 0;
  virtual void copy_on_device(void* to, const void* from, size_t bytes) = 0;  // apart
  virtual void fill_zero(void* device, size_t bytes) = 0;

  // Where the calls stand, for timing. Does not wait: on a device the moment passes when it gets there.
  virtual std::unique_ptr<Event> record_event() { return std::make_unique<HostEvent>(); }
  // From one mark of this backend to a later one, on the backend's own clock; waits for the later one.
  virtual double seconds_between(const Event& from, const Event& to) {
    const auto time = [](const Event& m) { return static_cast<const HostEvent&>(m).time; };
    return std::chrono::duration<double>(time(to) - time(from)).count();
  }
  // Returns when the mark has passed. Throws DeviceError when a call before it failed.
  virtual void synchronize(const Event&) {}
  // Ops look for ids, labels and rows out of range before they use them, where that needs a wait for the device too.
  // On by default; off for timings and steps, whose batches were checked on the host. Returns what held before.
  virtual bool set_index_checks(bool) { return true; }

  // Memory of the host that a device copies from and to while the host goes on: what is sent must stay as it is, and
  // what is fetched is not there, until a mark behind the call has passed. Throws as allocate() does.
  virtual void* allocate_staging(size_t bytes) { return ::operator new(bytes, std::align_val_t(256)); }
  virtual void free_staging(void* p) { ::operator delete(p, std::align_val_t(256)); }
  virtual void copy_to_device_async(void* device, const void* staging, size_t bytes) {
    copy_to_device(device, staging, bytes);
  }
  virtual void copy_to_host_async(void* staging, const void* device, size_t bytes) {
    copy_to_host(staging, device, bytes);
  }

  // Whether calls return before they are done.
  virtual bool asynchronous() const { return false; }
  // Whether the backend can record calls to make them again (a CUDA graph), and was not told to leave it.
  virtual bool records() const { return false; }
  // Whether batches are padded to a few shapes, because they are recorded, or were it not for a profiler before it.
  virtual bool keeps_shapes() const { return records(); }
  virtual void allow_recording(bool) {}
  // REQUIRES records(). Until end_recording() calls are recorded and not made. A call that allocates, waits, or copies
  // from or to other host memory than staging throws DeviceError then, as does the end of a recording that had one.
  virtual void begin_recording() {}
  virtual std::unique_ptr<StepGraph> end_recording() { return nullptr; }

  // Does the backend read the fields `live` and `spare_rows` of ops from its own memory (ops/live_rows.h)? Where not,
  // the ops cut their tensors first.
  virtual bool reads_live_rows() const { return false; }

  // Packed copies of weights, if the backend keeps any, are stale from here on.
  virtual void weights_changed() = 0;
  // Bytes of memory that the backend holds beside what was allocated above (packed weights, workspaces) once the
  // largest step has run.
  virtual size_t workspace_bytes() const = 0;

  // The card, by a name that differs from every other card's; empty: computes in the memory of the process.
  virtual std::string device_identity() const { return ""; }
  // The library that sums over the devices of several ranks ("NCCL 2.28.9"); empty: there is none, sums go through the
  // host.
  virtual std::string collectives_library() const { return ""; }
  // REQUIRES: a library. One rank draws the id, and every rank joins under it; join_collectives waits for all of them.
  // Throws DeviceError naming what the library said.
  virtual CollectiveId new_collective_id() { return {}; }
  virtual std::unique_ptr<Collectives> join_collectives(const CollectiveId&, int rank, int ranks);

  virtual void linear_forward(const LinearForward&) = 0;
  virtual void linear_backward_input(const LinearBackwardInput&) = 0;
  virtual void linear_backward_weight(const LinearBackwardWeight&) = 0;
  virtual void attention_forward(const AttentionForward&) = 0;
  virtual void attention_backward(const AttentionBackward&) = 0;
  virtual void layernorm_forward(const LayerNormForward&) = 0;
  virtual void layernorm_backward(const LayerNormBackward&) = 0;
  virtual void embedding_forward(const EmbeddingForward&) = 0;
  virtual void embedding_backward(const EmbeddingBackward&) = 0;
  virtual void gelu_forward(const GeluForward&) = 0;
  virtual void gelu_backward(const GeluBackward&) = 0;
  virtual void tanh_forward(const TanhForward&) = 0;
  virtual void tanh_backward(const TanhBackward&) = 0;
  virtual void dropout_apply(const DropoutApply&) = 0;
  virtual void cross_entropy(const CrossEntropy&) = 0;
  virtual void gather_rows(const GatherRows&) = 0;
  virtual void scatter_rows(const ScatterRows&) = 0;
  virtual void bias_gradient(const BiasGradient&) = 0;
  virtual void sum_of_squares(const SumOfSquares&) = 0;
  virtual void cast(const Cast&) = 0;
  virtual void adamw(const AdamW&) = 0;
};

inline std::unique_ptr<Collectives> Backend::join_collectives(const CollectiveId&, int, int) {
  return nullptr;
}

}  // namespace encore
