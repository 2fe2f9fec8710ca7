#include "kernels/base/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/event.h"
#include "kernels/cuda/gemm/gemm.h"
#include "kernels/cuda/launching.h"
#include "kernels/cuda/nccl/collectives.h"
#include "kernels/cuda/outside.cuh"
#include "kernels/cuda/rows/combine.cuh"
#include "kernels/cuda/usable_device.h"

namespace encore {
namespace {

class TimedEvent final : public Event {
 public:
  cuda::Event event;
};
cudaEvent_t cuda_event(const Event& e) {
  return static_cast<const TimedEvent&>(e).event;
}

}  // namespace

void check_cuda(cudaError_t status, const char* op) {
  if (status == cudaSuccess) return;
  throw DeviceError(fmt::format("{}: {}", op, cudaGetErrorString(status)));
}

CudaBackend::CudaBackend(int device) : device_(device) {
  const cuda::DeviceFacts facts = cuda::device_facts(device);
  std::string reason = cuda::why_unusable(facts);
  check(reason.empty(), "device cuda is not usable: {}", reason);
  check_cuda(cudaSetDevice(device), "cuda device");
  reason = cuda::why_without_code(facts, cuda::code_for_current_device());
  check(reason.empty(), "device cuda is not usable: {}", reason);
  int bytes = 0;
  check_cuda(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "cuda device");
  shared_limit_ = size_t(bytes);
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cuda stream");
  flag_ = allocate(sizeof(int64_t));
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device), "cuda device");
  hopper_ = properties.major == 9;
  multiprocessors_ = properties.multiProcessorCount;
  gemm_ = std::make_unique<cuda::Gemm>(stream_, properties.name);
}

CudaBackend::~CudaBackend() {
  cudaStreamSynchronize(stream_);
  gemm_.reset();
  cudaFree(flag_);
  cudaStreamDestroy(stream_);
}

size_t CudaBackend::workspace_bytes() const {
  return scratch_.bytes() + gemm_->workspace_bytes();
}

std::string CudaBackend::description() const {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device_), "cuda device");
  return fmt::format("cuda: {}, {} multiprocessors, compute capability {}.{}", properties.name,
                     properties.multiProcessorCount, properties.major, properties.minor);
}

std::string CudaBackend::device_identity() const {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device_), "cuda device");
  std::string text = "GPU-";
  for (const char byte : properties.uuid.bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string CudaBackend::collectives_library() const {
  return cuda::nccl_library();
}

CollectiveId CudaBackend::new_collective_id() {
  return cuda::new_nccl_id();
}

std::unique_ptr<Collectives> CudaBackend::join_collectives(const CollectiveId& id, int rank, int ranks) {
  return cuda::join_nccl(id, rank, ranks, stream_);
}

void* CudaBackend::allocate(size_t bytes) {
  void* p = nullptr;
  const size_t at_least_one = std::max<size_t>(bytes, 1);
  if (cudaMalloc(&p, at_least_one) != cudaSuccess) {
    cudaGetLastError();
    const DeviceMemory memory = *device_memory();
    throw DeviceError(
        fmt::format("the device has no {} bytes of memory left ({} of its {} are free): lower --tokens-per-batch",
                    bytes, memory.free, memory.total));
  }
  check_cuda(cudaMemsetAsync(p, 0, at_least_one, stream_), "allocate");
  return p;
}

// Destructors call it, so it does not report a device that has failed: the op that met the failure has.
void CudaBackend::free(void* p) {
  cudaStreamSynchronize(stream_);
  const cudaError_t e = cudaFree(p);
  if (e == cudaErrorInvalidValue || e == cudaErrorInvalidDevicePointer) check_cuda(e, "free");
}

std::optional<DeviceMemory> CudaBackend::device_memory() const {
  DeviceMemory memory{};
  check_cuda(cudaMemGetInfo(&memory.free, &memory.total), "memory of the device");
  return memory;
}

void CudaBackend::synchronize() {
  check_cuda(cudaStreamSynchronize(stream_), "synchronize");
}

void CudaBackend::copy_to_device(void* device, const void* host, size_t bytes) {
  check_cuda(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_), "copy_to_device");
  check_cuda(cudaStreamSynchronize(stream_), "copy_to_device");
}

void CudaBackend::copy_to_host(void* host, const void* device, size_t bytes) {
  check_cuda(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_), "copy_to_host");
  check_cuda(cudaStreamSynchronize(stream_), "copy_to_host");
}

void CudaBackend::copy_on_device(void* to, const void* from, size_t bytes) {
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "copy_on_device");
}

std::unique_ptr<Event> CudaBackend::record_event() {
  auto recorded = std::make_unique<TimedEvent>();
  check_cuda(cudaEventRecord(recorded->event, stream_), "record_event");
  return recorded;
}

double CudaBackend::seconds_between(const Event& from, const Event& to) {
  check_cuda(cudaEventSynchronize(cuda_event(to)), "seconds_between");
  float milliseconds = 0;
  check_cuda(cudaEventElapsedTime(&milliseconds, cuda_event(from), cuda_event(to)), "seconds_between");
  return double(milliseconds) * 1e-3;
}

void CudaBackend::synchronize(const Event& event) {
  check_cuda(cudaEventSynchronize(cuda_event(event)), "synchronize");
}

void CudaBackend::fill_zero(void* device, size_t bytes) {
  check_cuda(cudaMemsetAsync(device, 0, bytes, stream_), "fill_zero");
}

void* CudaBackend::scratch(size_t bytes) {
  return scratch_.take(bytes, [&](size_t n) { return allocate(n); });
}

CudaBackend::Outside CudaBackend::first_outside(const char* op, const Tensor& values, int64_t low, int64_t limit,
                                                const Tensor& live) {
  if (!index_checks_ || values.size() == 0) return {-1, 0};
  check_cuda(cudaMemsetAsync(flag_, 0xff, sizeof(uint64_t), stream_), op);
  const unsigned blocks = cuda::grid_size(std::min<int64_t>(cuda::div_up(values.cols, 256), 64));
  check_cuda(launch(stream_, {.grid = blocks, .block = 256}, cuda::first_outside_kernel, values.ptr<int32_t>(),
                    values.cols, live.ptr<int32_t>(), low, limit, static_cast<unsigned long long*>(flag_)),
             op);
  Outside first{-1, 0};
  copy_to_host(&first.index, flag_, sizeof first.index);
  if (first.index >= 0) copy_to_host(&first.value, values.ptr<int32_t>() + first.index, sizeof first.value);
  return first;
}

void CudaBackend::check_live(const char* op, const Tensor& live, int64_t rows) {
  if (!live) return;
  const Outside bad = first_outside(op, live, 0, rows + 1, {});
  check(bad.index < 0, "{}: live is {}, and there are {} rows", op, bad.value, rows);
}

void CudaBackend::check_indices(const char* op, const char* name, const Tensor& values, int64_t limit,
                                const Tensor& live) {
  const Outside bad = first_outside(op, values, 0, limit, live);
  check(bad.index < 0, "{}: {}[{}] is {}, and there are {} rows", op, name, bad.index, bad.value, limit);
}

void CudaBackend::check_row_keys(const char* op, const RowDropout& d, const Tensor& live) {
  if (d.p == 0) return;
  const Outside bad = first_outside(op, d.rows.sequence, 0, d.rows.example_keys.cols, live);
  check(bad.index < 0, "{}: row {} is of sequence {}, and there are {} example keys", op, bad.index, bad.value,
        d.rows.example_keys.cols);
}

void CudaBackend::combine(const char* op, const float* parts, int64_t count, int64_t cols,
                          std::initializer_list<Tensor> outputs) {
  cuda::CombineOutputs out{};
  unsigned sums = 0;
  for (const Tensor& t : outputs) out.of[sums++] = t.ptr<float>();
  const dim3 grid(cuda::grid_size(cuda::div_up(cols, cuda::kCombineColumns)), sums);
  const LaunchShape shape{.grid = grid, .block = cuda::kCombineThreads, .early = hopper_};
  check_cuda(launch(stream_, shape, cuda::combine_kernel, parts, count, int64_t(sums), cols, out), op);
}

}  // namespace encore
