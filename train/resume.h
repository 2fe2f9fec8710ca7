// Chooses the state that a run resumes from, and loads it.
#pragma once

#include <functional>
#include <string>

#include "optim/communicator.h"
#include "train/run_folder.h"
#include "train/state_file.h"

namespace encore {

// Parses the value of --resume-from: "step-40" and "40" give 40. Throws Error for anything else.
int64_t parse_state_name(const std::string&);

// The step of the state to resume from, the same on every rank: `from` (the value of --resume-from) unless it is empty,
// else the newest; -1: the run has no state. folder: null on ranks other than 0. Throws Error when `from` is missing.
int64_t state_to_resume(const RunFolder* folder, const std::string& from, Communicator&);

// Reads the state of that step, calls `load` to fill the buffers from its folder, and sets later states aside. now: the
// digest of the present run. Throws Error naming the fields of which the state has another value; the log that was
// edited since; or the damaged file, and the flag that resumes from the newest undamaged state of this run before it.
// begins_with: the flag that begins another run with model/last of this one; "": the program has none.
using LoadBuffers = std::function<void(const std::string& dir, const RunState&)>;
RunState continue_from(const std::string& run, int64_t step, const RunFolder* folder, const RunDigest& now,
                       const LoadBuffers& load, const std::string& begins_with = "--model");

// A note for the user about a state of version 1, whose digest lacks the flags and the model; empty for another.
std::string note_on_digest(const RunState&);

}  // namespace encore
