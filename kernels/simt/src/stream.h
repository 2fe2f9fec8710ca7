// The work of streams, which runs at once, runs later, or is captured into a graph.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace simt {

// An allocation that some work uses, identified so that a later one at the same address is told apart.
struct Use {
  const char* base;
  uint64_t id;
};

// A launch, a copy, a product.
struct Work {
  std::function<std::string()> name;  // for reports
  std::function<cudaError_t()> run;
  std::vector<Use> uses;
};

// True if work for this stream may run after the call that submits it. Then the caller must copy the arguments and give
// `uses`.
bool outlives_call(cudaStream_t);
// Runs the work, queues it in the stream (option late_streams), or adds it to the stream's capture.
cudaError_t submit(cudaStream_t, Work);
// The allocations that these bytes (the arguments of a launch), read as pointers, point into.
std::vector<Use> uses_of(const void* bytes, size_t count);
void add_use(std::vector<Use>&, const void* p);

// For calls that CUDA forbids during a capture: invalidates the current capture and returns the error. Returns success
// if there is no capture.
cudaError_t outside_capture(const char* call);
// Runs all work that waits in any stream.
cudaError_t finish_streams();
// The error of a lost device, after option fail_launch has lost it; success before.
cudaError_t lost_device();

}  // namespace simt
