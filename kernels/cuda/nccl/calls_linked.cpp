#include "kernels/cuda/nccl/calls.h"

namespace encore::cuda {

const NcclCalls* nccl_calls() {
  static const NcclCalls calls{
      .get_version = &ncclGetVersion,
      .get_unique_id = &ncclGetUniqueId,
      .comm_init_rank = &ncclCommInitRank,
      .comm_destroy = &ncclCommDestroy,
      .comm_get_async_error = &ncclCommGetAsyncError,
      .all_reduce = &ncclAllReduce,
      .get_error_string = &ncclGetErrorString,
      .get_last_error = &ncclGetLastError,
  };
  return &calls;
}

}  // namespace encore::cuda
