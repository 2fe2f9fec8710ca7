// A run of dapt_train or tapt_train, from its spec to its end.
#pragma once

#include <functional>

#include "train/run_spec.h"

namespace encore {

// Makes report.html of a run folder; last: the run has ended. Returns an error message, or "".
using ReportMaker = std::function<std::string(bool last)>;
using ReportMakerOf = std::function<ReportMaker(const std::string& folder)>;

// Every rank of `processes` calls it with the same spec. Throws Error before any file is written if it refuses the run;
// else throws as TrainingRun::run does.
RunEnd pretrain(RunSpec, Communicator& processes, const ReportMakerOf&);

}  // namespace encore
