// dapt_train and tapt_train: from the command line to the end of a run.
#pragma once

#include "apps/program/training_flags.h"

namespace encore {

// Returns the exit code: 0 done (or --max-hours is over), 75 stopped by a signal and saved, 2, 70, 74 as
// kernels/base/check.h says. Under mpirun rank 0 alone prints, and a rank that fails takes the others with it.
int train_program(Recipe, int argc, char** argv);

}  // namespace encore
