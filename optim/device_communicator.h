// The communicator of ranks that have a GPU each: it sums over the GPUs by NCCL and leaves everything else to another
// communicator.
#pragma once

#include <memory>

#include "kernels/backend.h"
#include "optim/communicator.h"

namespace encore {

// Every rank calls it. Null on every rank if there is one rank, the ranks compute in host memory, or the backend of a
// rank has no library for sums. `host` and the backend must outlive the result. Throws Error on every rank if some
// ranks have a GPU and others have none, or if two ranks have the same GPU.
std::unique_ptr<Communicator> over_devices(Communicator& host, Backend&);

}  // namespace encore
