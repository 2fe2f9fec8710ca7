// The host half of the CUDA runtime.
#include <simt/executor.h>
#include <src/launch.h>
#include <src/memory.h>
#include <src/stream.h>

#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

namespace simt {
namespace {

constexpr int kCudaVersion = 13000;  // the version whose headers the stand-ins follow
constexpr auto kAlign = std::align_val_t(256);

std::mutex mutex;
struct Allocation {
  size_t bytes;
  uint64_t id;
  bool pinned;
};
std::map<const char*, Allocation> allocations;
uint64_t allocations_made = 0;
std::unordered_map<const void*, size_t> opt_ins;
size_t allocated = 0;
thread_local cudaError_t last = cudaSuccess;
thread_local int current_device = 0;

size_t free_bytes() {
  const size_t taken = options().occupied + allocated;
  return taken < options().memory ? options().memory - taken : 0;
}

cudaError_t allocate(void** p, size_t bytes, const char* call, bool pinned = false) {
  if (!p) return note_error(cudaErrorInvalidValue);
  *p = nullptr;
  if (const cudaError_t e = outside_capture(call); e != cudaSuccess) return e;
  if (!bytes) return cudaSuccess;
  std::lock_guard lock(mutex);
  if (!pinned && bytes > free_bytes()) return note_error(cudaErrorMemoryAllocation);
  *p = ::operator new(bytes, kAlign, std::nothrow);
  if (!*p) return note_error(cudaErrorMemoryAllocation);
  if (options().poison) std::memset(*p, 0xff, bytes);  // NaN in every float format
  allocations[static_cast<const char*>(*p)] = {bytes, ++allocations_made, pinned};
  if (!pinned) allocated += bytes;
  return cudaSuccess;
}

// Waits for all streams first, as CUDA does.
cudaError_t release(void* p, const char* call) {
  if (!p) return cudaSuccess;
  if (const cudaError_t e = outside_capture(call); e != cudaSuccess) return e;
  if (const cudaError_t e = finish_streams(); e != cudaSuccess) return e;
  std::lock_guard lock(mutex);
  auto it = allocations.find(static_cast<const char*>(p));
  if (it == allocations.end()) return note_error(cudaErrorInvalidDevicePointer);
  if (!it->second.pinned) allocated -= it->second.bytes;
  allocations.erase(it);
  ::operator delete(p, kAlign);
  return cudaSuccess;
}

cudaError_t copy_now(void* to, const void* from, size_t bytes) {
  if (bytes) std::memmove(to, from, bytes);
  return cudaSuccess;
}

cudaError_t set_now(void* p, int value, size_t bytes) {
  if (bytes) std::memset(p, value, bytes);
  count_memset(bytes);
  return cudaSuccess;
}

}  // namespace

cudaError_t note_error(cudaError_t e) {
  if (e != cudaSuccess) last = e;
  return e;
}

const char* allocation_of(const void* p) {
  const char* at = static_cast<const char*>(p);
  std::lock_guard lock(mutex);
  auto it = allocations.upper_bound(at);
  if (it == allocations.begin()) return nullptr;
  --it;
  return size_t(at - it->first) < it->second.bytes ? it->first : nullptr;
}

uint64_t allocation_id(const void* base) {
  std::lock_guard lock(mutex);
  const auto it = allocations.find(static_cast<const char*>(base));
  return it == allocations.end() ? 0 : it->second.id;
}

bool is_pinned(const void* p) {
  const char* base = allocation_of(p);
  std::lock_guard lock(mutex);
  return base && allocations.at(base).pinned;
}

bool is_device_range(const void* p, size_t bytes) {
  const char* first = static_cast<const char*>(p);
  std::lock_guard lock(mutex);
  auto it = allocations.upper_bound(first);
  if (it == allocations.begin()) return false;
  --it;
  return bytes <= it->second.bytes && size_t(first - it->first) <= it->second.bytes - bytes;
}

size_t shared_opt_in(const void* kernel) {
  std::lock_guard lock(mutex);
  auto it = opt_ins.find(kernel);
  return it == opt_ins.end() ? 0 : it->second;
}

}  // namespace simt

using simt::note_error;

cudaError_t cudaMalloc(void** p, size_t bytes) {
  return simt::allocate(p, bytes, "cudaMalloc");
}
cudaError_t cudaFree(void* p) {
  return simt::release(p, "cudaFree");
}
cudaError_t cudaMallocHost(void** p, size_t bytes) {
  return simt::allocate(p, bytes, "cudaMallocHost", true);
}
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
  return simt::allocate(p, bytes, "cudaHostAlloc", true);
}
cudaError_t cudaFreeHost(void* p) {
  return simt::release(p, "cudaFreeHost");
}
cudaError_t cudaMallocAsync(void** p, size_t bytes, cudaStream_t) {
  return simt::allocate(p, bytes, "cudaMallocAsync");
}
cudaError_t cudaFreeAsync(void* p, cudaStream_t) {
  return simt::release(p, "cudaFreeAsync");
}
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  std::lock_guard lock(simt::mutex);
  *free_bytes = simt::free_bytes();
  *total_bytes = simt::options().memory;
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  if (bytes && (!to || !from)) return note_error(cudaErrorInvalidValue);
  if (const cudaError_t e = simt::outside_capture("cudaMemcpy"); e != cudaSuccess) return e;
  return simt::copy_now(to, from, bytes);
}
// A copy between a device and pageable memory has used the host's side when the call returns. A capture cannot hold
// such a copy: it would keep the address alone.
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if (bytes && (!to || !from)) return note_error(cudaErrorInvalidValue);
  const auto name = [] { return std::string("cudaMemcpyAsync"); };
  if (!simt::outlives_call(stream))
    return simt::submit(stream, {name, [=] { return simt::copy_now(to, from, bytes); }, {}});
  const void* host = kind == cudaMemcpyHostToDevice ? from : kind == cudaMemcpyDeviceToHost ? to : nullptr;
  std::vector<simt::Use> uses;
  simt::add_use(uses, to);
  simt::add_use(uses, from);
  if (!host || simt::is_pinned(host))
    return simt::submit(stream, {name, [=] { return simt::copy_now(to, from, bytes); }, std::move(uses)});
  if (const cudaError_t e = simt::outside_capture("cudaMemcpyAsync of pageable memory"); e != cudaSuccess) return e;
  if (kind == cudaMemcpyDeviceToHost) {
    const cudaError_t e = cudaStreamSynchronize(stream);
    return e != cudaSuccess ? e : simt::copy_now(to, from, bytes);
  }
  const char* bytes_now = static_cast<const char*>(from);
  return simt::submit(stream, {name,
                               [to, kept = std::vector<char>(bytes_now, bytes_now + bytes)] {
                                 return simt::copy_now(to, kept.data(), kept.size());
                               },
                               std::move(uses)});
}
cudaError_t cudaMemset(void* p, int value, size_t bytes) {
  if (bytes && !p) return note_error(cudaErrorInvalidValue);
  if (const cudaError_t e = simt::outside_capture("cudaMemset"); e != cudaSuccess) return e;
  return simt::set_now(p, value, bytes);
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  if (bytes && !p) return note_error(cudaErrorInvalidValue);
  std::vector<simt::Use> uses;
  if (simt::outlives_call(stream)) simt::add_use(uses, p);
  return simt::submit(stream, {[] { return std::string("cudaMemsetAsync"); },
                               [=] { return simt::set_now(p, value, bytes); }, std::move(uses)});
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
  *n = simt::options().devices;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = simt::current_device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= simt::options().devices) return note_error(cudaErrorInvalidDevice);
  simt::current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  if (device < 0 || device >= simt::options().devices) return note_error(cudaErrorInvalidDevice);
  const int arch = simt::options().arch;
  *p = cudaDeviceProp{};
  std::strcpy(p->name, "host executor");
  p->uuid.bytes[15] = char(device);
  p->totalGlobalMem = simt::options().memory;
  p->sharedMemPerBlock = simt::kStaticMax;
  p->sharedMemPerBlockOptin = simt::max_dynamic_shared(arch);
  p->major = arch / 10;
  p->minor = arch % 10;
  // An H100's and an A100's. Kernels cut sums over rows by it, so the last bits of what the executor computes depend on
  // it.
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
cudaError_t cudaGetLastError() {
  const cudaError_t e = simt::last;
  simt::last = cudaSuccess;
  return e;
}
cudaError_t cudaPeekAtLastError() {
  return simt::last;
}

cudaError_t cudaOccupancyMaxActiveClusters(int* count, const void*, const cudaLaunchConfig_t* config) {
  if (simt::options().arch < 90) return note_error(cudaErrorInvalidValue);
  unsigned size = 1;
  for (unsigned i = 0; i < config->numAttrs; ++i)
    if (config->attrs[i].id == cudaLaunchAttributeClusterDimension) size = config->attrs[i].val.clusterDim.x;
  *count = 128 / int(size);
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  const int arch = simt::options().arch;
  *attributes = {.binaryVersion = arch, .ptxVersion = arch};
  return cudaSuccess;
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
