// The third communicator, beside the lone process and MPI: ranks that each have a GPU sum on them (NCCL), and say the
// rest over MPI.
#pragma once

#include <memory>

#include "kernels/backend.h"
#include "optim/communicator.h"

namespace encore {

// Every rank calls it, and every rank gets the same kind of answer: null where the ranks compute in host memory or a
// rank's backend has no library for sums (they go through the host then). `host` and the backend must outlive the
// result.
// Throws Error, on every rank, when some ranks have a GPU and others not, and when two ranks have the same one.
std::unique_ptr<Communicator> over_devices(Communicator& host, Backend&);

}  // namespace encore
