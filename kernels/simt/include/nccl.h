// The executor's <nccl.h>: the collectives that training uses, over the processes of one machine. Each call is compared
// with those of the other ranks before anything is summed. Calls that differ in order, kind, size or type, which would
// hang on a cluster, fail on every rank with ncclInvalidUsage and a message (ncclGetLastError). So does a call that a
// rank does not join within SIMT_NCCL_SECONDS (60); the message names the rank.
//
// Sums are taken in the order of the ranks, so that all ranks hold the same bits; bf16 is rounded after each addition,
// as a ring does.
#pragma once

#include <cuda_runtime.h>

#include <string>
#include <vector>

#define NCCL_UNIQUE_ID_BYTES 128
#define NCCL_VERSION_CODE 22809

using ncclComm_t = struct simt_nccl_comm*;
struct ncclUniqueId {
  char internal[NCCL_UNIQUE_ID_BYTES];
};
enum ncclResult_t {
  ncclSuccess = 0,
  ncclUnhandledCudaError = 1,
  ncclSystemError = 2,
  ncclInternalError = 3,
  ncclInvalidArgument = 4,
  ncclInvalidUsage = 5,
  ncclRemoteError = 6,
};
enum ncclDataType_t { ncclInt64 = 4, ncclFloat32 = 7, ncclFloat64 = 8, ncclBfloat16 = 9 };
enum ncclRedOp_t { ncclSum = 0, ncclMax = 2 };

ncclResult_t ncclGetVersion(int* version);
ncclResult_t ncclGetUniqueId(ncclUniqueId* id);
ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank);
ncclResult_t ncclCommDestroy(ncclComm_t comm);
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error);
ncclResult_t ncclAllReduce(const void* send, void* receive, size_t count, ncclDataType_t, ncclRedOp_t, ncclComm_t,
                           cudaStream_t);
const char* ncclGetErrorString(ncclResult_t);
// The message of the calling process's last failure.
const char* ncclGetLastError(ncclComm_t comm);

namespace simt {

// The calls of this rank so far: "AllReduce sum of 4096 float32".
std::vector<std::string> nccl_calls(ncclComm_t comm);

}  // namespace simt
