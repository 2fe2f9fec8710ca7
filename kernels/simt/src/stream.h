// The work of streams: run at once, later, or recorded into a graph.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace simt {

// An allocation that some work names, as it was then.
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

// Whether work for this stream outlives the call that submits it: what it reads must be copied, and `uses` given.
bool outlives_call(cudaStream_t);
// Runs the work, queues it behind what waits there (option late_streams), or records it in the stream's capture.
cudaError_t submit(cudaStream_t, Work);
// The allocations that the words of these bytes (arguments of a launch) point into.
std::vector<Use> uses_of(const void* bytes, size_t count);
void add_use(std::vector<Use>&, const void* p);

// The call may not be made while a stream is captured: ends the capture's validity and says so. Success where no
// capture is under way.
cudaError_t outside_capture(const char* call);
// Runs all that waits in all streams.
cudaError_t finish_streams();
// An error that the device never recovers from, once there was one (option fail_launch); else success.
cudaError_t lost_device();

}  // namespace simt
