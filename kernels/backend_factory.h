// The only way to a backend.
#pragma once

#include <memory>
#include <string_view>

#include "kernels/backend.h"

namespace encore {

// device: "auto" (a usable GPU if there is one, else the CPU), "cpu", "cuda", "simt" (the kernels of "cuda" on the host
// executor: a test tool).
// local_rank, local_ranks: of this process among those of the run on this machine; each takes a card of its own.
// threads: worker threads of the cpu backend; 0 = the cores that this process may use.
// Throws Error naming the device and what to use instead when it is not usable.
std::unique_ptr<Backend> make_backend(std::string_view device, int threads = 0, int local_rank = 0,
                                      int local_ranks = 1);

// What --dtype auto stands for: bf16 on a GPU (and its stand-in), and on processors that multiply it faster than fp32.
DType auto_dtype(const Backend&);

}  // namespace encore
