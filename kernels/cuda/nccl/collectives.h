// Collectives over NCCL, on a stream of their own.
#pragma once

#include <cuda_runtime.h>

#include <memory>

#include "kernels/collectives.h"

namespace encore::cuda {

std::string nccl_library();  // "NCCL 2.28.9"; empty if it cannot be opened
CollectiveId new_nccl_id();
// compute: the stream that writes what is summed. It must outlive the result.
std::unique_ptr<Collectives> join_nccl(const CollectiveId&, int rank, int ranks, cudaStream_t compute);

}  // namespace encore::cuda
