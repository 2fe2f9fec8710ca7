// The stand-in of a build without nccl.h.
#include "kernels/base/check.h"
#include "kernels/cuda/nccl/collectives.h"

namespace encore::cuda {

std::string nccl_library() {
  return "";
}
CollectiveId new_nccl_id() {
  throw DeviceError("this build has no NCCL");
}
std::unique_ptr<Collectives> join_nccl(const CollectiveId&, int, int, cudaStream_t) {
  throw DeviceError("this build has no NCCL");
}

}  // namespace encore::cuda
