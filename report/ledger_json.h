// ledger.json of a run folder: where the text went, and what the run set out to do, for reports made later.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "data/sequences/ledger.h"
#include "train/run_data.h"

namespace encore {

// {"program", "steps", "device", "processes", "eval_name", "train": {...}, "eval": {...}}; "eval" only where --eval
// named text of its own. A ledger's keys are the names of data/sequences/ledger.h.
nlohmann::json ledger_json(const RunData&, const std::string& program, int64_t steps, const std::string& device,
                           const std::string& processes);

nlohmann::json to_json(const Ledger&);
// Throws Error naming the file when a count is missing or no number.
Ledger ledger_from_json(const nlohmann::json&, const std::string& file);

}  // namespace encore
