// A corpus's ledger as JSON, for ledger.json of a run folder and the reports made from it. Its keys are the names of
// the counts in data/sequences/ledger.h.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "data/sequences/ledger.h"

namespace encore {

nlohmann::json to_json(const Ledger&);
// Throws Error naming the file when a count is missing or no number.
Ledger ledger_from_json(const nlohmann::json&, const std::string& file);

}  // namespace encore
