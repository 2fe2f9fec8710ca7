#include "kernels/backend_factory.h"

#include <dlfcn.h>

#include "kernels/base/check.h"
#include "kernels/base/plugin.h"
#include "kernels/base/program_path.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/processor.h"

namespace encore {

namespace {

// Exported by libencore_cuda.so (a GPU) and libencore_simt.so (the same kernels on the host executor). Throws
// DeviceError or Error when the machine has no usable GPU.
using MakeBackend = Backend* (*)(int local_rank, int local_ranks);
struct Place {
  int local_rank, local_ranks;
};

// Null when there is no such library. Throws when there is one that cannot be used.
std::unique_ptr<Backend> open_backend(const char* file, Place place) {
  const std::string path = plugin_path(file);
  if (path.empty()) return nullptr;
  void* library = open_plugin(path, RTLD_NOW | RTLD_LOCAL, "use --device cpu");
  const auto make = reinterpret_cast<MakeBackend>(dlsym(library, "encore_make_backend"));
  check(make != nullptr, "{} has no encore_make_backend; use --device cpu", path);
  return std::unique_ptr<Backend>(make(place.local_rank, place.local_ranks));
}

// Checked before libencore_cuda.so is opened, because opening cuBLASLt takes a tenth of a second.
bool has_driver() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  return driver && dlclose(driver) == 0;
}

// The backend of a library that was asked for by name.
std::unique_ptr<Backend> required_backend(std::string_view device, const char* file, Place place) {
  auto backend = open_backend(file, place);
  check(backend != nullptr, "device {} is not usable: there is no {} beside the program; use --device cpu", device,
        file);
  return backend;
}

}  // namespace

std::unique_ptr<Backend> make_backend(std::string_view device, int threads, int local_rank, int local_ranks) {
  const Place place{local_rank, local_ranks};
  check(threads >= 0, "{} threads: must be at least 0", threads);
  if (device == "cpu") return std::make_unique<CpuBackend>(threads);
  if (device == "cuda") return required_backend(device, "libencore_cuda.so", place);
  if (device == "simt") return required_backend(device, "libencore_simt.so", place);
  check(device == "auto", "unknown device '{}': it may be auto, cpu, cuda or simt", device);
  try {
    if (has_driver())
      if (auto backend = open_backend("libencore_cuda.so", place)) return backend;
  } catch (const PlacementError&) {
    throw;
  } catch (const Error&) {
    // No usable GPU: "auto" means the CPU then.
  }
  return std::make_unique<CpuBackend>(threads);
}

DType auto_dtype(const Backend& backend) {
  const bool fast = backend.device_memory() || cpu::fast_bf16();
  return backend.native_bf16() && fast ? DType::kBF16 : DType::kF32;
}

}  // namespace encore
