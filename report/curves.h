// The charts of a report: which curves they hold and how these are drawn.
#pragma once

#include <vector>

#include "report/chart.h"
#include "report/reported_run.h"

namespace encore {

// One run: raw and smoothed training loss with the evaluations. Several: the smoothed losses, a colour a run.
// unit: "nats a target".
Chart loss_chart(const std::vector<ReportedRun>&, const std::string& unit);
// Learning rate, tokens a second, norm of the gradient.
std::vector<Chart> small_charts(const std::vector<ReportedRun>&);
// Of vampire_train: NPMI in both readings, documents a second, norm of the gradient.
std::vector<Chart> vampire_charts(const std::vector<ReportedRun>&);

}  // namespace encore
