// The functions of NCCL that are used. libnccl.so.2 is opened on first use, so that a single card needs no NCCL. The
// host executor links its own implementation of them.
#pragma once

#include <nccl.h>

#include <string>

namespace encore::cuda {

struct NcclCalls {
  decltype(&ncclGetVersion) get_version;
  decltype(&ncclGetUniqueId) get_unique_id;
  decltype(&ncclCommInitRank) comm_init_rank;
  decltype(&ncclCommDestroy) comm_destroy;
  decltype(&ncclCommGetAsyncError) comm_get_async_error;
  decltype(&ncclAllReduce) all_reduce;
  decltype(&ncclGetErrorString) get_error_string;
  decltype(&ncclGetLastError) get_last_error;
};

// Null if the library is missing or lacks one of them.
const NcclCalls* nccl_calls();

}  // namespace encore::cuda
