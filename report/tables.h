// The tables of a report, as HTML sections.
#pragma once

#include <string>
#include <vector>

#include "report/reported_run.h"

namespace encore {

struct NamedFlags {
  std::string name;
  nlohmann::json flags, defaults;  // defaults: null where they are not known
};
std::vector<NamedFlags> named_flags(const std::vector<ReportedRun>&);

// For each run: the evaluation before, at the best step and at the end, the tokens trained on and the speed.
std::string before_and_after(const std::vector<ReportedRun>&);
// The flags whose values differ between the runs.
std::string differing_flags(const std::vector<NamedFlags>&);
// The ledger of each run's text.
std::string ledgers(const std::vector<ReportedRun>&);
// Every flag. Those at their defaults are folded away, where the defaults are known.
std::string flags_in_force(const std::vector<NamedFlags>&);

}  // namespace encore
