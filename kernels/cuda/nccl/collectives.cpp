#include "kernels/cuda/nccl/collectives.h"

#include <cstring>

#include "kernels/base/check.h"
#include "kernels/cuda/event.h"
#include "kernels/cuda/nccl/calls.h"

namespace encore::cuda {
namespace {

void check_nccl(ncclResult_t status, const char* what, ncclComm_t comm) {
  if (status == ncclSuccess) return;
  const char* more = nccl_calls()->get_last_error(comm);
  throw DeviceError(fmt::format("{}: NCCL: {}{}{}", what, nccl_calls()->get_error_string(status),
                                more && *more ? ": " : "", more ? more : ""));
}

std::string version_text() {
  int v = 0;
  check_nccl(nccl_calls()->get_version(&v), "version", nullptr);
  return fmt::format("NCCL {}.{}.{}", v / 10000, v / 100 % 100, v % 100);
}

ncclDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::kF32: return ncclFloat32;
    case DType::kBF16: return ncclBfloat16;
    case DType::kF64: return ncclFloat64;
    case DType::kI64: return ncclInt64;
    default: fail("sums over ranks: {} is not summed", name_of(dtype));
  }
}

class NcclCollectives final : public Collectives {
 public:
  NcclCollectives(const CollectiveId& id, int rank, int ranks, cudaStream_t compute) : compute_(compute) {
    ncclUniqueId unique;
    static_assert(sizeof unique.internal == sizeof(CollectiveId));
    std::memcpy(unique.internal, id.data(), id.size());
    check_nccl(nccl_calls()->comm_init_rank(&comm_, ranks, unique, rank), "joining the other ranks", nullptr);
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream of the collectives");
  }
  ~NcclCollectives() override {
    cudaStreamSynchronize(stream_);
    nccl_calls()->comm_destroy(comm_);
    cudaStreamDestroy(stream_);
  }

  std::string description() const override { return version_text(); }

  void start_sum(const Tensor& x) override {
    check(x.contiguous(), "sums over ranks: {} has gaps between its rows", x.str());
    if (x.size() == 0) return;
    check_cuda(cudaEventRecord(computed_, compute_), "sum over ranks");
    check_cuda(cudaStreamWaitEvent(stream_, computed_, 0), "sum over ranks");
    check_nccl(nccl_calls()->all_reduce(x.data, x.data, size_t(x.size()), type_of(x.dtype), ncclSum, comm_, stream_),
               "sum over ranks", comm_);
  }

  void join() override {
    check_cuda(cudaEventRecord(summed_, stream_), "sum over ranks");
    check_cuda(cudaStreamWaitEvent(compute_, summed_, 0), "sum over ranks");
    ncclResult_t error = ncclSuccess;  // of a rank that has died meanwhile
    check_nccl(nccl_calls()->comm_get_async_error(comm_, &error), "sum over ranks", comm_);
    check_nccl(error, "sum over ranks", comm_);
  }

 private:
  cudaStream_t compute_ = nullptr, stream_ = nullptr;
  Event computed_{cudaEventDisableTiming}, summed_{cudaEventDisableTiming};
  ncclComm_t comm_ = nullptr;
};

}  // namespace

std::string nccl_library() {
  return nccl_calls() ? version_text() : "";
}

CollectiveId new_nccl_id() {
  ncclUniqueId unique;
  check_nccl(nccl_calls()->get_unique_id(&unique), "a group of ranks", nullptr);
  CollectiveId id;
  std::memcpy(id.data(), unique.internal, id.size());
  return id;
}

std::unique_ptr<Collectives> join_nccl(const CollectiveId& id, int rank, int ranks, cudaStream_t compute) {
  return std::make_unique<NcclCollectives>(id, rank, ranks, compute);
}

}  // namespace encore::cuda
