// Collectives over shared memory; see <nccl.h>.
#include <cuda_bf16.h>
#include <nccl.h>
#include <src/memory.h>
#include <src/nccl_segment.h>
#include <src/stream.h>

#include <algorithm>
#include <cstring>
#include <memory>

struct simt_nccl_comm {
  std::shared_ptr<simt::NcclMeeting> meeting;  // shared with work that waits in a stream
  std::vector<std::string> calls;
};

namespace simt {
namespace {

std::string last_failure;

ncclResult_t refuse(ncclResult_t code, std::string why) {
  last_failure = std::move(why);
  return code;
}

size_t size_of(int32_t type) {
  return type == ncclBfloat16 ? 2 : type == ncclFloat32 ? 4 : 8;
}

const char* name_of(int32_t type) {
  switch (type) {
    case ncclInt64: return "int64";
    case ncclFloat32: return "float32";
    case ncclFloat64: return "float64";
    case ncclBfloat16: return "bf16";
    default: return nullptr;
  }
}

template <class T>
void combine(T* into, const char* from, size_t count, int32_t op) {
  const T* x = reinterpret_cast<const T*>(from);
  for (size_t i = 0; i < count; ++i) into[i] = op == ncclMax ? std::max(into[i], x[i]) : into[i] + x[i];
}

void combine_bf16(char* into, const char* from, size_t count, int32_t op) {
  auto* y = reinterpret_cast<unsigned short*>(into);
  const auto* x = reinterpret_cast<const unsigned short*>(from);
  for (size_t i = 0; i < count; ++i) {
    const float a = simt_bf16_to_float(y[i]), b = simt_bf16_to_float(x[i]);
    y[i] = simt_float_to_bf16(op == ncclMax ? std::max(a, b) : a + b);
  }
}

void combine(char* into, const char* from, size_t count, const NcclCall& call) {
  switch (call.type) {
    case ncclInt64: return combine(reinterpret_cast<int64_t*>(into), from, count, call.op);
    case ncclFloat32: return combine(reinterpret_cast<float*>(into), from, count, call.op);
    case ncclFloat64: return combine(reinterpret_cast<double*>(into), from, count, call.op);
    default: return combine_bf16(into, from, count, call.op);
  }
}

// One piece of at most kNcclChunk bytes.
bool reduce_piece(NcclMeeting& m, const NcclCall& call, const char* send, char* receive, size_t bytes) {
  std::memcpy(m.data(m.rank()), send, bytes);
  if (!m.meet("the data of a call")) return false;
  std::memcpy(receive, m.data(0), bytes);
  for (int r = 1; r < m.ranks(); ++r) combine(receive, m.data(r), bytes / size_of(call.type), call);
  return m.meet("the data of a call");
}

cudaError_t all_reduce(NcclMeeting& m, const NcclCall& call, const void* send, void* receive, size_t bytes) {
  bool done = m.agree(call);
  for (size_t at = 0; done && at < bytes; at += kNcclChunk)
    done = reduce_piece(m, call, static_cast<const char*>(send) + at, static_cast<char*>(receive) + at,
                        std::min(kNcclChunk, bytes - at));
  return done ? cudaSuccess : cudaErrorLaunchFailure;
}

}  // namespace

std::string to_text(const NcclCall& c) {
  return std::string("AllReduce ") + (c.op == ncclMax ? "max" : "sum") + " of " + std::to_string(c.count) + " " +
         name_of(c.type);
}

std::vector<std::string> nccl_calls(ncclComm_t comm) {
  return comm->calls;
}

}  // namespace simt

using simt::all_reduce;
using simt::refuse;

ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  const std::string name = simt::NcclMeeting::create();
  if (name.empty()) return refuse(ncclSystemError, "shared memory cannot be had");
  std::memset(id->internal, 0, sizeof id->internal);
  std::memcpy(id->internal, name.data(), std::min(name.size(), sizeof id->internal - 1));
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  *comm = nullptr;
  if (ranks < 1 || ranks > simt::kNcclRanks || rank < 0 || rank >= ranks)
    return refuse(ncclInvalidArgument, "rank " + std::to_string(rank) + " of " + std::to_string(ranks));
  id.internal[sizeof id.internal - 1] = 0;
  auto meeting = std::make_shared<simt::NcclMeeting>(id.internal, rank, ranks);
  if (!meeting->failure().empty()) return refuse(ncclSystemError, meeting->failure());
  *comm = new simt_nccl_comm{std::move(meeting), {}};
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  delete comm;
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  *error = comm->meeting->failure().empty() ? ncclSuccess : ncclRemoteError;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* send, void* receive, size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t stream) {
  if (!comm || !stream) return refuse(ncclInvalidArgument, "AllReduce without communicator or stream");
  if (!simt::name_of(type) || (op != ncclSum && op != ncclMax))
    return refuse(ncclInvalidArgument, "AllReduce of a type or with an operation that is not there");
  const size_t width = simt::size_of(type), bytes = count * width;
  if (!simt::is_device_range(send, bytes) || !simt::is_device_range(receive, bytes))
    return refuse(ncclInvalidArgument, "AllReduce of what is not device memory");
  const simt::NcclCall call{.type = type, .op = op, .count = count};
  comm->calls.push_back(to_text(call));
  simt::Work work{.name = [call] { return to_text(call); },
                  .run = [=, m = comm->meeting] { return all_reduce(*m, call, send, receive, bytes); },
                  .uses = {}};
  add_use(work.uses, send);
  add_use(work.uses, receive);
  if (simt::submit(stream, std::move(work)) == cudaSuccess) return ncclSuccess;
  return refuse(ncclInvalidUsage, comm->meeting->failure());
}

const char* ncclGetErrorString(ncclResult_t code) {
  switch (code) {
    case ncclSuccess: return "no error";
    case ncclSystemError: return "unhandled system error";
    case ncclInvalidArgument: return "invalid argument";
    case ncclInvalidUsage: return "invalid usage";
    case ncclRemoteError: return "remote process exited or there was a network error";
    default: return "internal error";
  }
}

const char* ncclGetLastError(ncclComm_t) {
  return simt::last_failure.c_str();
}
