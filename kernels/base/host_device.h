// Marks functions that kernels call too. The only place that asks which compiler, the host's or the device's, is
// running.
#pragma once

#ifdef __CUDACC__
#define ENCORE_HOST_DEVICE __host__ __device__
#else
#define ENCORE_HOST_DEVICE
#endif
