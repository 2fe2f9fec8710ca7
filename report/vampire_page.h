// The page of runs of vampire_train: curves, topics, flags.
#pragma once

#include <string>
#include <vector>

#include "report/reported_run.h"

namespace encore {

bool is_vampire_run(const ReportedRun&);

// The page of runs whose logs have been read. The topics are read from topics.json of each run's folder; a run has none
// before its first epoch is over. Throws Error naming the file that is damaged.
std::string vampire_page(const std::vector<ReportedRun>&);

}  // namespace encore
