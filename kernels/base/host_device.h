// The one place where host and device compilers are told apart.
#pragma once

#ifdef __CUDACC__
#define ENCORE_HOST_DEVICE __host__ __device__
#else
#define ENCORE_HOST_DEVICE
#endif
