// The frame of every program: errors as one line and an exit code, ranks of mpirun accepted or refused.
#pragma once

#include <functional>

#include "optim/communicator.h"

namespace encore {

// Runs the body of a program. An Error ends it with one line on standard error ("dapt_train: --train: no such file:
// x.txt") and the error's exit code, any other exception with 70. A refusal (2) drops what was printed and not flushed.
// A result that standard output does not take ends it with 74 (standard_streams.h).
int run_program(const char* name, const std::function<int()>& body);

// The same for a program that works as one process: several ranks are refused before the body begins.
int run_as_one_process(const char* name, const std::function<int()>& body);

// The same for a program that shares its work among the ranks of mpirun. Only rank 0 has a standard output. A rank that
// fails ends all ranks with its exit code; where all fail alike, only rank 0's line is printed.
int run_over_ranks(const char* name, const std::function<int(Communicator&)>& body);

}  // namespace encore
