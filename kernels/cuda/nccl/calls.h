// The functions of NCCL that are used. libnccl.so.2 is opened when they are first asked for, so that a single card
// needs no NCCL; on the host executor they are its stand-in.
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

// Null where the library is not there or lacks one of them.
const NcclCalls* nccl_calls();

}  // namespace encore::cuda
