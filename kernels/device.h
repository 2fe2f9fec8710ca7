// A device apart from the ops that it computes: memory, copies, events, staging memory, graphs of captured calls,
// identity and collectives. The ops are in kernels/backend.h; every Backend is a ComputeDevice.
//
// Calls are ordered: each sees the results of those before it. Where asynchronous() is true a call may return before it
// is done; synchronize() and copy_to_host() wait. The defaults below are those of a device whose memory is the host's
// and whose calls are done when they return.
#pragma once

#include <memory>
#include <new>
#include <optional>
#include <string>

#include "kernels/base/clock.h"
#include "kernels/collectives.h"

namespace encore {

// A point in the order of a device's calls (ComputeDevice::record_event).
class Event {
 public:
  virtual ~Event() = default;
};

// The event of a device whose calls are done when they return.
class HostEvent final : public Event {
 public:
  const double time = steady_seconds();
};

// Captured calls (ComputeDevice::begin_capture).
class StepGraph {
 public:
  virtual ~StepGraph() = default;
  // Makes the captured calls again with the same arguments, in order with the device's other calls.
  virtual void launch() = 0;
};

// Memory of a device, in bytes. What other programs hold is not free.
struct DeviceMemory {
  size_t free, total;
};

class ComputeDevice {
 public:
  virtual ~ComputeDevice() = default;

  // Identity.
  // For people: "cpu: AMD EPYC, 2 threads, avx512 bf16, oneDNN 2.6.3".
  virtual std::string description() const = 0;
  // A name that no other card has. Empty: the device is the processor, its memory that of the process.
  virtual std::string device_identity() const { return ""; }
  // True where the device multiplies bf16 natively. --dtype bf16 is refused elsewhere.
  virtual bool native_bf16() const = 0;
  // True where calls may return before they are done.
  virtual bool asynchronous() const { return false; }

  // Memory.
  // Zero-filled, aligned to 256 bytes. Throws Error naming the bytes when there is not enough.
  virtual void* allocate(size_t bytes) = 0;
  virtual void free(void* p) = 0;
  // Absent where the device's memory is the host's.
  virtual std::optional<DeviceMemory> device_memory() const { return std::nullopt; }
  // Bytes that the device holds beside what was allocated above (packed weights, workspaces), once the largest step has
  // run.
  virtual size_t workspace_bytes() const = 0;
  virtual void copy_to_device(void* device, const void* host, size_t bytes) = 0;
  virtual void copy_to_host(void* host, const void* device, size_t bytes) = 0;  // waits for earlier calls
  virtual void copy_on_device(void* to, const void* from, size_t bytes) = 0;    // REQUIRES: the ranges do not overlap
  virtual void fill_zero(void* device, size_t bytes) = 0;

  // Staging memory: host memory that a device copies from and to asynchronously (pinned, on a GPU).
  // Throws as allocate() does.
  virtual void* allocate_staging(size_t bytes) { return ::operator new(bytes, std::align_val_t(256)); }
  virtual void free_staging(void* p) { ::operator delete(p, std::align_val_t(256)); }
  // Copies that do not wait. Until an event recorded behind the call has passed, the source must not change and the
  // destination holds nothing yet.
  virtual void copy_to_device_async(void* device, const void* staging, size_t bytes) {
    copy_to_device(device, staging, bytes);
  }
  virtual void copy_to_host_async(void* staging, const void* device, size_t bytes) {
    copy_to_host(staging, device, bytes);
  }

  // Events and waiting.
  // An event behind all calls so far. Does not wait: on a GPU the event passes when the device gets there.
  virtual std::unique_ptr<Event> record_event() { return std::make_unique<HostEvent>(); }
  // Seconds from one event to a later one on the device's clock. Waits for the later one.
  virtual double seconds_between(const Event& from, const Event& to) {
    const auto time = [](const Event& e) { return static_cast<const HostEvent&>(e).time; };
    return time(to) - time(from);
  }
  // Returns when the event has passed. Throws DeviceError when a call before it failed.
  virtual void synchronize(const Event&) {}
  // Returns when every call so far is done. Throws DeviceError when one of them failed.
  virtual void synchronize() {}

  // Graphs (CUDA graphs): calls that are captured once and launched again as a whole.
  // True where the device captures and allow_capture(false) was not called.
  virtual bool can_capture() const { return false; }
  virtual void allow_capture(bool) {}
  // True where batches are to be padded to a few shapes, so that one graph serves many batches. Stays true under a
  // profiler, which forbids capture and must not change the shapes that it measures.
  virtual bool pads_batches() const { return can_capture(); }
  // REQUIRES can_capture(). From here to end_capture() calls are captured and not made. During a capture a call that
  // allocates, waits, or copies between the device and host memory other than staging memory throws DeviceError, and so
  // does the end_capture() that follows.
  virtual void begin_capture() {}
  virtual std::unique_ptr<StepGraph> end_capture() { return nullptr; }

  // Collectives.
  // The library that sums over the devices of several ranks ("NCCL 2.28.9"). Empty: none; sums go through the host.
  virtual std::string collectives_library() const { return ""; }
  // REQUIRES: a library. One rank draws the id, and every rank joins under it; join_collectives waits for all of them.
  // Throws DeviceError naming what the library said.
  virtual CollectiveId new_collective_id() { return {}; }
  virtual std::unique_ptr<Collectives> join_collectives(const CollectiveId&, int /*rank*/, int /*ranks*/) {
    return nullptr;
  }
};

}  // namespace encore
