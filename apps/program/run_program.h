// How every program runs: an error becomes one line and an exit code, and ranks of mpirun share the work or are
// refused.
#pragma once

#include <functional>

#include "optim/communicator.h"

namespace encore {

// Runs the body of a program. An Error ends it with one line on standard error ("dapt_train: --train: no such file:
// x.txt") and the error's exit code, any other exception with 70. A refusal (2) leaves standard output empty.
int run_program(const char* name, const std::function<int()>& body);

// The same for a program that works as one process: several ranks are refused before the body begins.
int run_as_one_process(const char* name, const std::function<int()>& body);

// The same for a program that shares its work among the ranks of mpirun. Only rank 0 has a standard output. A rank that
// fails ends all ranks with its exit code, and rank 0's line is the one that is printed where all fail alike.
int run_over_ranks(const char* name, const std::function<int(Communicator&)>& body);

}  // namespace encore
