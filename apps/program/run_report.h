// report.html of a run in progress.
#pragma once

#include <memory>

#include "report/reported_run.h"
#include "train/training_run.h"

namespace encore {

// The ReportMakerOf of every program that trains.
inline ReportMaker report_of_run(const std::string& folder) {
  return [report = std::make_shared<RunReport>(folder)](bool last) { return report->refresh(last); };
}

}  // namespace encore
