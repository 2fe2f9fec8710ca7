// Work that the host queues ahead of the device: copies from and to pinned memory, and steps captured into CUDA graphs.
#include <fmt/format.h>

#include "kernels/base/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace encore {
namespace {

class Graph final : public StepGraph {
 public:
  Graph(cudaGraphExec_t exec, cudaStream_t stream) : exec_(exec), stream_(stream) {}
  ~Graph() override {
    cudaStreamSynchronize(stream_);
    cudaGraphExecDestroy(exec_);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  void launch() override { check_cuda(cudaGraphLaunch(exec_, stream_), "recorded step"); }

 private:
  cudaGraphExec_t exec_;
  cudaStream_t stream_;
};

}  // namespace

void* CudaBackend::allocate_staging(size_t bytes) {
  void* p = nullptr;
  if (cudaMallocHost(&p, std::max<size_t>(bytes, 1)) != cudaSuccess) {
    cudaGetLastError();
    throw DeviceError(fmt::format("the host has no {} bytes of memory that can be pinned (see ulimit -l)", bytes));
  }
  return p;
}

// Destructors call it.
void CudaBackend::free_staging(void* p) {
  cudaStreamSynchronize(stream_);
  cudaFreeHost(p);
}

void CudaBackend::copy_to_device_async(void* device, const void* staging, size_t bytes) {
  if (bytes)
    check_cuda(cudaMemcpyAsync(device, staging, bytes, cudaMemcpyHostToDevice, stream_), "copy_to_device_async");
}

void CudaBackend::copy_to_host_async(void* staging, const void* device, size_t bytes) {
  if (bytes) check_cuda(cudaMemcpyAsync(staging, device, bytes, cudaMemcpyDeviceToHost, stream_), "copy_to_host_async");
}

// Captures this thread's calls alone: meanwhile NCCL's threads make calls of their own for the sums in flight.
void CudaBackend::begin_capture() {
  check_cuda(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "recording of a step");
}

std::unique_ptr<StepGraph> CudaBackend::end_capture() {
  cudaGraph_t graph = nullptr;
  check_cuda(cudaStreamEndCapture(stream_, &graph), "recording of a step");
  cudaGraphExec_t exec = nullptr;
  const cudaError_t e = cudaGraphInstantiate(&exec, graph, 0);
  cudaGraphDestroy(graph);
  check_cuda(e, "recording of a step");
  auto recording = std::make_unique<Graph>(exec, stream_);
  check_cuda(cudaGraphUpload(exec, stream_), "recording of a step");
  return recording;
}

}  // namespace encore
