// A run of dapt_train or tapt_train, from its spec to its end.
#pragma once

#include <functional>

#include "train/run_spec.h"

namespace encore {

// Makes report.html of a run folder; last: the run is at its end. Returns what went wrong, or "".
using ReportMaker = std::function<std::string(bool last)>;
using ReportMakerOf = std::function<ReportMaker(const std::string& folder)>;

// Every rank of `processes` calls it with the same spec. Refuses before a file is written; throws what TrainingRun::run
// throws.
RunEnd pretrain(RunSpec, Communicator& processes, const ReportMakerOf&);

}  // namespace encore
