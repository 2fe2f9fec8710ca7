#include "kernels/backend_factory.h"

#include <dlfcn.h>

#include "kernels/base/check.h"
#include "kernels/base/program_path.h"
#include "kernels/cpu/cpu_backend.h"

namespace encore {

namespace {

// Exported by libencore_cuda.so. Throws DeviceError or Error when the machine has no usable GPU.
using MakeCudaBackend = Backend* (*)();

// Null when the library is not there; throws when it is there and cannot be used.
std::unique_ptr<Backend> make_cuda_backend() {
  const std::string path = plugin_path("libencore_cuda.so");
  if (path.empty()) return nullptr;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // stays open: the backend's code lies in it
  if (!library) fail("{} cannot be opened ({}); use --device cpu", path, dlerror());
  const auto make = reinterpret_cast<MakeCudaBackend>(dlsym(library, "encore_make_cuda_backend"));
  check(make != nullptr, "{} has no encore_make_cuda_backend; use --device cpu", path);
  return std::unique_ptr<Backend>(make());
}

}  // namespace

std::unique_ptr<Backend> make_backend(std::string_view device, int threads) {
  check(threads >= 0, "--threads {} is negative", threads);
  if (device == "cpu") return std::make_unique<CpuBackend>(threads);
  if (device == "cuda") {
    auto backend = make_cuda_backend();
    check(backend != nullptr,
          "device cuda is not usable: there is no libencore_cuda.so beside the program; "
          "use --device cpu");
    return backend;
  }
  check(device == "auto", "unknown device '{}': it may be auto, cpu or cuda", device);
  try {
    if (auto backend = make_cuda_backend()) return backend;
  } catch (const Error&) {
    // No usable GPU: that is what "auto" is for.
  }
  return std::make_unique<CpuBackend>(threads);
}

}  // namespace encore
