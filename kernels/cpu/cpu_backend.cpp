#include "kernels/cpu/cpu_backend.h"

#include <immintrin.h>
#include <omp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "kernels/base/usable_cores.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/onednn_memory.h"
#include "kernels/cpu/onednn_versions.h"
#include "kernels/cpu/processor.h"
#include "kernels/cpu/vec/dispatch.h"

namespace encore {

namespace {

constexpr size_t kPage = 4096, kHugePage = size_t(2) << 20, kSmall = size_t(64) << 10;

// "field : value" of a file of /proc; empty if absent.
std::string proc_field(const char* path, std::string_view field) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(field)) continue;
    const size_t at = line.find_first_not_of(" \t", line.find(':') + 1);
    return at == std::string::npos ? "" : line.substr(at);
  }
  return "";
}

[[noreturn]] void no_memory(size_t bytes) {
  fail("no memory for {} bytes ({:.1f} GiB) on the cpu; use a smaller model or smaller batches", bytes,
       double(bytes) / (1u << 30));
}

// Linux grants more memory than it has and kills the process later, so large requests are compared with the free
// memory.
void check_available(size_t bytes) {
  if (bytes < (size_t(1) << 30)) return;
  const std::string kib = proc_field("/proc/meminfo", "MemAvailable");
  if (!kib.empty() && bytes / 1024 > std::strtoull(kib.c_str(), nullptr, 10)) no_memory(bytes);
}

// Writes past the caches: an ordinary store would first read the line, which is wasted on memory larger than the
// caches.
void stream_zeros(char* p, size_t bytes) {
  constexpr size_t kVector = sizeof(__m256i);
  const size_t head = std::min(bytes, (kVector - reinterpret_cast<uintptr_t>(p) % kVector) % kVector);
  const size_t body = (bytes - head) / kVector * kVector;
  std::memset(p, 0, head);
  for (size_t i = 0; i < body; i += kVector)
    _mm256_stream_si256(reinterpret_cast<__m256i*>(p + head + i), _mm256_setzero_si256());
  std::memset(p + head + body, 0, bytes - head - body);
  _mm_sfence();
}

}  // namespace

CpuBackend::CpuBackend(int threads) : threads_(threads > 0 ? threads : usable_cores()) {
  __builtin_cpu_init();
  check(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"),
        "this processor has no AVX2 and FMA, which the cpu device needs");
  check(
      startable_threads(threads_) == threads_,
      "{} threads cannot be started: ask for fewer with --threads, or allow more threads or memory (ulimit -u, -v, -s)",
      threads_);
  omp_set_num_threads(threads_);
  cpu::report_onednn_without_memory();
  gemm_ = std::make_unique<cpu::Gemm>(threads_);
}

CpuBackend::~CpuBackend() {
  if (scratch_) free(scratch_);
  for (const auto& [p, bytes] : mapped_) munmap(p, bytes);
}

std::string CpuBackend::description() const {
  const std::string model = proc_field("/proc/cpuinfo", "model name");
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("cpu: {}, {} thread{}, vec/ {}, oneDNN {}.{}.{} {}", model.empty() ? "x86-64" : model, threads_,
                     threads_ == 1 ? "" : "s", cpu::isa_name(cpu::isa()), v->major, v->minor, v->patch,
                     cpu::onednn_isa_name());
}

bool CpuBackend::native_bf16() const {
  return cpu::multiplies_bf16();
}

void* CpuBackend::allocate(size_t bytes) {
  bytes = std::max<size_t>(bytes, 1);
#ifdef __SANITIZE_ADDRESS__
  const size_t small = ~size_t(0);  // no mmap: the sanitizer guards the ends of malloc's blocks only
#else
  const size_t small = kSmall;
#endif
  if (bytes < small) {
    void* p = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!p) no_memory(bytes);
    return std::memset(p, 0, bytes);
  }
  check_available(bytes);
  const bool huge = bytes >= 2 * kHugePage;
  const size_t length = (bytes + kPage - 1) / kPage * kPage, slack = huge ? kHugePage : 0;
  void* map = mmap(nullptr, length + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) no_memory(bytes);
  char* p = static_cast<char*>(map);
  if (huge) {
    char* aligned = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(p) + kHugePage - 1) / kHugePage * kHugePage);
    const size_t before = size_t(aligned - p);
    if (before) munmap(p, before);
    if (slack > before) munmap(aligned + length, slack - before);
    p = aligned;
    madvise(p, length / kHugePage * kHugePage, MADV_HUGEPAGE);
  }
  mapped_[p] = length;
  return p;
}

void CpuBackend::free(void* p) {
  if (!p) return;
  gemm_->weights_changed();  // a later allocation at this address may hold other weights
  const auto found = mapped_.find(p);
  if (found == mapped_.end()) return std::free(p);
  munmap(p, found->second);
  mapped_.erase(found);
}

void CpuBackend::copy_to_device(void* device, const void* host, size_t bytes) {
  if (bytes) std::memcpy(device, host, bytes);
}
void CpuBackend::copy_to_host(void* host, const void* device, size_t bytes) {
  if (bytes) std::memcpy(host, device, bytes);
}
void CpuBackend::copy_on_device(void* to, const void* from, size_t bytes) {
  constexpr size_t kPart = size_t(1) << 20;
  const int64_t parts = int64_t((bytes + kPart - 1) / kPart);
#pragma omp parallel for schedule(static) if (parts > 1)
  for (int64_t i = 0; i < parts; ++i) {
    const size_t first = size_t(i) * kPart;
    std::memcpy(static_cast<char*>(to) + first, static_cast<const char*>(from) + first, std::min(kPart, bytes - first));
  }
}
void CpuBackend::fill_zero(void* device, size_t bytes) {
  constexpr size_t kPart = size_t(1) << 20, kStreamed = size_t(64) << 20;
  const int64_t parts = int64_t((bytes + kPart - 1) / kPart);
#pragma omp parallel for schedule(static) if (parts > 1)
  for (int64_t i = 0; i < parts; ++i) {
    const size_t first = size_t(i) * kPart;
    char* part = static_cast<char*>(device) + first;
    const size_t length = std::min(kPart, bytes - first);
    if (bytes >= kStreamed)
      stream_zeros(part, length);
    else
      std::memset(part, 0, length);
  }
}

void* CpuBackend::scratch(size_t bytes) {
  if (bytes > scratch_bytes_) {
    if (scratch_) free(scratch_);
    scratch_ = nullptr;
    scratch_bytes_ = 0;
    const size_t wanted = (bytes + (bytes >> 2) + 255) / 256 * 256;  // a little more, since batches are ragged
    scratch_ = allocate(wanted);
    scratch_bytes_ = wanted;
  }
  return scratch_;
}

void CpuBackend::weights_changed() {
  gemm_->weights_changed();
}
size_t CpuBackend::workspace_bytes() const {
  return scratch_bytes_ + gemm_->bytes();
}

}  // namespace encore
