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

// A row a run: evaluation before, at the best step and at the end; how much was trained, how fast.
std::string before_and_after(const std::vector<ReportedRun>&);
// Flags whose values are not the same in all runs.
std::string differing_flags(const std::vector<NamedFlags>&);
// Where the text of each run went.
std::string ledgers(const std::vector<ReportedRun>&);
// Every flag; those at their defaults are folded away, where these are known.
std::string flags_in_force(const std::vector<NamedFlags>&);

}  // namespace encore
