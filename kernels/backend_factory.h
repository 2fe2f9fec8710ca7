// Makes backends. Programs know no other way to one.
#pragma once

#include <memory>
#include <string_view>

#include "kernels/backend.h"

namespace encore {

// device: "auto" (a usable GPU if there is one, else the CPU), "cpu", "cuda", "simt" (the kernels of "cuda" on the host
// executor: a test tool).
// local_rank, local_ranks: number of this process among those of the run on this machine; each takes a GPU of its own.
// threads: worker threads of the cpu backend; 0 = the cores that this process may use.
// Throws Error naming the device and what to use instead when the device is not usable.
std::unique_ptr<Backend> make_backend(std::string_view device, int threads = 0, int local_rank = 0,
                                      int local_ranks = 1);

// The dtype that --dtype auto means: bf16 on a GPU, on the host executor, and on processors that multiply bf16 faster
// than fp32; fp32 elsewhere.
DType auto_dtype(const Backend&);

}  // namespace encore
