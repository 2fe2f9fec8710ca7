#include <device_port.h>
#include <fmt/core.h>

#include "kernels/base/check.h"
#include "kernels/cuda/usable_device.h"

namespace encore::cuda {
namespace {

std::string version(int number) {
  return fmt::format("{}.{}", number / 1000, number % 1000 / 10);
}

__global__ void probe_kernel() {}

}  // namespace

DeviceFacts device_facts(int device) {
  DeviceFacts facts;
  facts.device = device;
  cudaDriverGetVersion(&facts.driver_version);
  cudaRuntimeGetVersion(&facts.runtime_version);
  facts.status = cudaGetDeviceCount(&facts.devices);
  if (facts.status != cudaSuccess || device < 0 || device >= facts.devices) {
    cudaGetLastError();
    return facts;
  }
  cudaDeviceProp properties{};
  facts.status = cudaGetDeviceProperties(&properties, device);
  facts.major = properties.major;
  facts.minor = properties.minor;
  facts.name = properties.name;
  return facts;
}

int device_of_rank(int devices, int local_rank, int local_ranks) {
  if (local_ranks <= 1 || devices <= 1) return 0;  // no card at all is why_unusable()'s to report
  if (local_ranks > devices)
    throw PlacementError(
        fmt::format("{0} ranks on this machine and {1} GPUs: one rank a GPU, so start {1} here (mpirun -n {1}, or "
                    "--map-by ppr:{1}:node over several machines), or use --device cpu",
                    local_ranks, devices));
  return local_rank;
}

std::string why_unusable(const DeviceFacts& f) {
  constexpr const char* kInstead = "use --device cpu";
  if (f.driver_version == 0) return fmt::format("no NVIDIA driver is installed; {}", kInstead);
  if (f.status == cudaErrorInsufficientDriver || f.driver_version < f.runtime_version)
    return fmt::format(
        "the driver serves CUDA {}, and this program was built with CUDA {}: install a newer driver, or {}",
        version(f.driver_version), version(f.runtime_version), kInstead);
  if (f.status == cudaErrorNoDevice || (f.status == cudaSuccess && f.devices == 0))
    return fmt::format("no GPU is visible (see CUDA_VISIBLE_DEVICES); {}", kInstead);
  if (f.status != cudaSuccess)
    return fmt::format("the GPU does not answer: {}; {}", cudaGetErrorString(f.status), kInstead);
  if (f.device < 0 || f.device >= f.devices)
    return fmt::format("there is no GPU number {}: {} visible, counted from 0", f.device, f.devices);
  if (f.major < 8)
    return fmt::format("{} has compute capability {}.{}, and the kernels need 8.0 or more; {}", f.name, f.major,
                       f.minor, kInstead);
  return "";
}

cudaError_t code_for_current_device() {
  const cudaError_t e = launch(cudaStream_t{}, {1, 1}, probe_kernel);
  if (e != cudaSuccess) cudaGetLastError();
  return e;
}

std::string why_without_code(const DeviceFacts& f, cudaError_t e) {
  if (e == cudaSuccess) return "";
  return fmt::format(
      "{} has compute capability {}.{}, and this build has no code for it ({}): build with -D "
      "ENCORE_CUDA_ARCHITECTURES={}{}{}, or use --device cpu",
      f.name, f.major, f.minor, cudaGetErrorString(e), f.major, f.minor, f.major == 9 ? "a" : "");
}

}  // namespace encore::cuda
