// Shared memory and launches, for which CUDA has syntax that a host compiler lacks. Twin of kernels/cuda/device_port.h.
#pragma once

#include <cuda_runtime.h>

#include <type_traits>
#include <utility>

// The block's dynamic shared memory, 16-byte aligned.
template <class T>
inline T* dynamic_smem(SIMT_LOC) {
  return static_cast<T*>(simt::dynamic_shared(16, SIMT_HERE));
}

// The same, 1024-byte aligned, as the 128-byte swizzle of TMA and wgmma needs.
template <class T>
inline T* dynamic_smem_swizzled(SIMT_LOC) {
  return static_cast<T*>(simt::dynamic_shared(1024, SIMT_HERE));
}

// The kernel's static shared memory of type T (a struct of its own); every call with the same T gives the same object.
template <class T>
inline T& static_smem(SIMT_LOC) {
  static_assert(std::is_trivially_default_constructible_v<T>, "shared memory is not constructed");
  static const char key = 0;
  return *static_cast<T*>(simt::static_shared(&key, sizeof(T), alignof(T), SIMT_HERE));
}

struct LaunchShape {
  dim3 grid, block;
  size_t smem = 0;       // dynamic shared memory, bytes
  unsigned cluster = 1;  // blocks of a cluster, along x (sm_90): divides grid.x
  bool early = false;    // may start before the launch before it has ended (device/early_launch.cuh; sm_90)
};

// The cudaLaunchConfig_t of a launch. Not copyable, since `config` points into the object. say_cluster: states the
// cluster even if it is a single block.
struct LaunchConfig {
  LaunchConfig(cudaStream_t stream, const LaunchShape& shape, bool say_cluster = false) {
    config.gridDim = shape.grid;
    config.blockDim = shape.block;
    config.dynamicSmemBytes = shape.smem;
    config.stream = stream;
    config.attrs = attributes;
    if (shape.cluster > 1 || say_cluster) {
      cudaLaunchAttribute& a = attributes[config.numAttrs++];
      a.id = cudaLaunchAttributeClusterDimension;
      a.val.clusterDim.x = shape.cluster, a.val.clusterDim.y = a.val.clusterDim.z = 1;
    }
    if (shape.early) {
      cudaLaunchAttribute& a = attributes[config.numAttrs++];
      a.id = cudaLaunchAttributeProgrammaticStreamSerialization;
      a.val.programmaticStreamSerializationAllowed = 1;
    }
  }
  LaunchConfig(const LaunchConfig&) = delete;
  LaunchConfig& operator=(const LaunchConfig&) = delete;

  cudaLaunchAttribute attributes[2]{};
  cudaLaunchConfig_t config{};
};

// Opts the kernel in to more than 48 KiB of dynamic shared memory if the launch needs it.
inline cudaError_t allow_shared_memory(const void* kernel, size_t bytes) {
  if (bytes <= 48 * 1024) return cudaSuccess;
  return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes));
}

// Launches. Arguments convert to the kernel's parameters.
template <class... P, class... A>
cudaError_t launch(cudaStream_t stream, LaunchShape shape, void (*kernel)(P...), A&&... arguments) {
  const cudaError_t e = allow_shared_memory(reinterpret_cast<const void*>(kernel), shape.smem);
  if (e != cudaSuccess) return e;
  const LaunchConfig launch(stream, shape);
  return cudaLaunchKernelEx(&launch.config, kernel, std::forward<A>(arguments)...);
}

// How many clusters of that shape the device can run at a time (sm_90).
template <class... P>
cudaError_t resident_clusters(int* count, LaunchShape shape, void (*kernel)(P...)) {
  const void* const of = reinterpret_cast<const void*>(kernel);
  const cudaError_t e = allow_shared_memory(of, shape.smem);
  if (e != cudaSuccess) return e;
  const LaunchConfig launch(nullptr, shape, true);
  return cudaOccupancyMaxActiveClusters(count, of, &launch.config);
}
