// Reads the rows of a fine-tuning, makes its results.json, and converts its progress to and from the JSON of a state.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/finetuning.h"
#include "train/seed_run.h"

namespace encore {

// Prints a line per file. Throws Error naming file and line or label, also when all rows have the same label.
LabelledData read_labelled_data(const RowsSpec&, const Tokenizer&, int threads);

// {"metric", "labels", "seeds": [...], "dev": {...}, "test": {...}, "digest": {...}} with mean and both standard
// deviations of each score over the seeds.
nlohmann::json results_json(const std::vector<SeedResult>&, const std::string& metric,
                            const std::vector<std::string>& labels, bool with_test, const RunDigest&);
void print_results(const nlohmann::json& results);
// Of a run folder whose results.json has all `seeds`. False: it has not. now: what is known of the run that is asked
// for. Throws Error naming a file that is no JSON, and the fields in which the run differs from that of the results.
bool print_complete_results(const std::string& folder, int seeds, const RunDigest& now);

// Progress of a fine-tuning: its finished seeds.
struct FinetuneProgress {
  std::vector<SeedResult> results;
  int64_t steps = 0;  // of all seeds
};
// Stores scores as confusion counts, which are exact.
nlohmann::json to_json(const FinetuneProgress&, const SeedProgress& under_way);
// Throws DamagedState naming the state's folder.
FinetuneProgress finetune_progress_from_json(const nlohmann::json&, const std::string& dir, SeedProgress& under_way);

}  // namespace encore
