#include <dlfcn.h>

#include "kernels/cuda/nccl/calls.h"

namespace encore::cuda {
namespace {

template <class Function>
bool look_up(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

bool open_library(NcclCalls& calls) {
  void* library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);  // stays open
  return library && look_up(library, "ncclGetVersion", calls.get_version) &&
         look_up(library, "ncclGetUniqueId", calls.get_unique_id) &&
         look_up(library, "ncclCommInitRank", calls.comm_init_rank) &&
         look_up(library, "ncclCommDestroy", calls.comm_destroy) &&
         look_up(library, "ncclCommGetAsyncError", calls.comm_get_async_error) &&
         look_up(library, "ncclAllReduce", calls.all_reduce) &&
         look_up(library, "ncclGetErrorString", calls.get_error_string) &&
         look_up(library, "ncclGetLastError", calls.get_last_error);
}

}  // namespace

const NcclCalls* nccl_calls() {
  static NcclCalls calls;
  static const bool opened = open_library(calls);
  return opened ? &calls : nullptr;
}

}  // namespace encore::cuda
