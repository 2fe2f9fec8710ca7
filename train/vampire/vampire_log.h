// What a VAMPIRE run writes to log.jsonl, topics.json and the terminal.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "train/vampire/vampire_epochs.h"

namespace encore {

// state: after the step; seconds: of the step alone.
nlohmann::ordered_json step_line(const VampireEpochs::Step&, const RunState& state, double epoch, double lr,
                                 double seconds);
nlohmann::ordered_json epoch_line(const VampireEpochs::Epoch&, const RunState& state, bool held_out);
// A line for the terminal.
std::string epoch_text(const VampireEpochs::Epoch&, int64_t epochs);
// The file topics.json of the best epoch.
std::string topics_text(const VampireProgress&);

}  // namespace encore
