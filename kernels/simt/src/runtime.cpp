// The host half of the CUDA runtime.
#include <simt/executor.h>
#include <src/launch.h>
#include <src/memory.h>

#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>

struct simt_stream {};
struct simt_event {
  std::chrono::steady_clock::time_point time;
  bool recorded = false, timed = true;
};

namespace simt {
namespace {

constexpr size_t kTotalBytes = size_t(80) << 30;  // what cudaMemGetInfo pretends
constexpr int kCudaVersion = 13000;               // whose headers the stand-ins follow
constexpr auto kAlign = std::align_val_t(256);

std::mutex mutex;
std::map<const char*, size_t> allocations;
std::unordered_map<const void*, size_t> opt_ins;
size_t allocated = 0;
thread_local cudaError_t last = cudaSuccess;

cudaError_t allocate(void** p, size_t bytes) {
  if (!p) return note_error(cudaErrorInvalidValue);
  *p = nullptr;
  if (!bytes) return cudaSuccess;
  std::lock_guard lock(mutex);
  if (bytes > kTotalBytes - allocated) return note_error(cudaErrorMemoryAllocation);
  *p = ::operator new(bytes, kAlign, std::nothrow);
  if (!*p) return note_error(cudaErrorMemoryAllocation);
  if (options().poison) std::memset(*p, 0xff, bytes);  // NaN in every float format
  allocations[static_cast<const char*>(*p)] = bytes;
  allocated += bytes;
  return cudaSuccess;
}

cudaError_t release(void* p) {
  if (!p) return cudaSuccess;
  std::lock_guard lock(mutex);
  auto it = allocations.find(static_cast<const char*>(p));
  if (it == allocations.end()) return note_error(cudaErrorInvalidDevicePointer);
  allocated -= it->second;
  allocations.erase(it);
  ::operator delete(p, kAlign);
  return cudaSuccess;
}

}  // namespace

cudaError_t note_error(cudaError_t e) {
  if (e != cudaSuccess) last = e;
  return e;
}

bool is_device_range(const void* p, size_t bytes) {
  const char* first = static_cast<const char*>(p);
  std::lock_guard lock(mutex);
  auto it = allocations.upper_bound(first);
  if (it == allocations.begin()) return false;
  --it;
  return bytes <= it->second && size_t(first - it->first) <= it->second - bytes;
}

size_t shared_opt_in(const void* kernel) {
  std::lock_guard lock(mutex);
  auto it = opt_ins.find(kernel);
  return it == opt_ins.end() ? 0 : it->second;
}

}  // namespace simt

using simt::note_error;

cudaError_t cudaMalloc(void** p, size_t bytes) {
  return simt::allocate(p, bytes);
}
cudaError_t cudaFree(void* p) {
  return simt::release(p);
}
cudaError_t cudaMallocHost(void** p, size_t bytes) {
  return simt::allocate(p, bytes);
}
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
  return simt::allocate(p, bytes);
}
cudaError_t cudaFreeHost(void* p) {
  return simt::release(p);
}
cudaError_t cudaMallocAsync(void** p, size_t bytes, cudaStream_t) {
  return simt::allocate(p, bytes);
}
cudaError_t cudaFreeAsync(void* p, cudaStream_t) {
  return simt::release(p);
}
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  std::lock_guard lock(simt::mutex);
  *free_bytes = simt::kTotalBytes - simt::allocated;
  *total_bytes = simt::kTotalBytes;
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  if (bytes && (!to || !from)) return note_error(cudaErrorInvalidValue);
  if (bytes) std::memmove(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy(to, from, bytes, kind);
}
cudaError_t cudaMemset(void* p, int value, size_t bytes) {
  if (bytes && !p) return note_error(cudaErrorInvalidValue);
  if (bytes) std::memset(p, value, bytes);
  simt::count_memset(bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t) {
  return cudaMemset(p, value, bytes);
}

cudaError_t cudaStreamCreate(cudaStream_t* s) {
  *s = new simt_stream;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) {
  return cudaStreamCreate(s);
}
cudaError_t cudaStreamDestroy(cudaStream_t s) {
  if (!s) return note_error(cudaErrorInvalidResourceHandle);
  delete s;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t) {
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t e, unsigned) {
  return e ? cudaSuccess : note_error(cudaErrorInvalidResourceHandle);
}
cudaError_t cudaEventCreate(cudaEvent_t* e) {
  *e = new simt_event;
  return cudaSuccess;
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
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t) {
  if (!e) return note_error(cudaErrorInvalidResourceHandle);
  e->time = std::chrono::steady_clock::now();
  e->recorded = true;
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  return e ? cudaSuccess : note_error(cudaErrorInvalidResourceHandle);
}
cudaError_t cudaEventQuery(cudaEvent_t e) {
  return e ? cudaSuccess : note_error(cudaErrorInvalidResourceHandle);
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  if (!start || !stop || !start->recorded || !stop->recorded || !start->timed || !stop->timed) {
    return note_error(cudaErrorInvalidResourceHandle);
  }
  *milliseconds = std::chrono::duration<float, std::milli>(stop->time - start->time).count();
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = simt::kCudaVersion;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = simt::kCudaVersion;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* n) {
  *n = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  return device == 0 ? cudaSuccess : note_error(cudaErrorInvalidDevice);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  if (device != 0) return note_error(cudaErrorInvalidDevice);
  const int arch = simt::options().arch;
  *p = cudaDeviceProp{};
  std::strcpy(p->name, "host executor");
  p->totalGlobalMem = simt::kTotalBytes;
  p->sharedMemPerBlock = simt::kStaticMax;
  p->sharedMemPerBlockOptin = simt::max_dynamic_shared(arch);
  p->major = arch / 10;
  p->minor = arch % 10;
  p->multiProcessorCount = arch >= 90 ? 132 : 108;
  p->maxThreadsPerBlock = 1024;
  p->warpSize = 32;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p;
  if (const cudaError_t e = cudaGetDeviceProperties(&p, device); e != cudaSuccess) return e;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: *value = p.maxThreadsPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = int(p.sharedMemPerBlock); break;
    case cudaDevAttrWarpSize: *value = p.warpSize; break;
    case cudaDevAttrMultiProcessorCount: *value = p.multiProcessorCount; break;
    case cudaDevAttrComputeCapabilityMajor: *value = p.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = p.minor; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = int(p.sharedMemPerBlockOptin); break;
    default: return note_error(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  const cudaError_t e = simt::last;
  simt::last = cudaSuccess;
  return e;
}
cudaError_t cudaPeekAtLastError() {
  return simt::last;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || size_t(value) > simt::max_dynamic_shared(simt::options().arch)) {
    return note_error(cudaErrorInvalidValue);
  }
  std::lock_guard lock(simt::mutex);
  simt::opt_ins[kernel] = size_t(value);
  return cudaSuccess;
}
