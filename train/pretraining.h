// A run of dapt_train or tapt_train, from its spec to its end.
#pragma once

#include "train/run_spec.h"

namespace encore {

// Every rank of `processes` calls it with the same spec. Throws Error before any file is written if it refuses the run;
// else throws as TrainingRun::run does.
RunEnd pretrain(RunSpec, Communicator& processes, const ReportMakerOf&);

}  // namespace encore
