#include "kernels/backend_factory.h"

#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include "kernels/base/check.h"
#include "kernels/cpu/cpu_backend.h"

namespace encore {

namespace {

// Exported by libencore_cuda.so. Throws DeviceError or Error when the machine has no usable GPU.
using MakeCudaBackend = Backend* (*)();

std::string program_folder() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0) return ".";
  const std::string program(path, size_t(n));
  return program.substr(0, program.rfind('/'));
}

// Null when the library is not there; throws when it is there and cannot be used.
std::unique_ptr<Backend> make_cuda_backend() {
  for (const char* folder : {"", "/../lib"}) {
    const std::string path = program_folder() + folder + "/libencore_cuda.so";
    if (access(path.c_str(), F_OK) != 0) continue;
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // stays open: the backend's code lies in it
    if (!library) fail("{} cannot be opened ({}); use --device cpu", path, dlerror());
    const auto make = reinterpret_cast<MakeCudaBackend>(dlsym(library, "encore_make_cuda_backend"));
    check(make != nullptr, "{} has no encore_make_cuda_backend; use --device cpu", path);
    return std::unique_ptr<Backend>(make());
  }
  return nullptr;
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
