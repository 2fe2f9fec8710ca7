// Which state a run goes on from, and going on from it.
#pragma once

#include <functional>
#include <string>

#include "optim/communicator.h"
#include "train/run_folder.h"
#include "train/state_file.h"

namespace encore {

// "step-40" or "40" of --resume-from as 40. Throws Error for anything else.
int64_t parse_state_name(const std::string&);

// The step of the state to go on from, the same on every rank: that of --resume-from (`from`, "" if not given), else
// the newest; -1: the run has none. folder: of rank 0, null on the others. Throws Error when `from` is not there.
int64_t state_to_resume(const RunFolder* folder, const std::string& from, Communicator&);

// Reads the state of that step and has `load` fill the buffers from its folder. now: the fingerprints of the run as it
// is called now. Throws Error when these differ; when a file is damaged, naming it and the flag that resumes from the
// newest state before it that is whole. States beyond the step are set aside.
using LoadBuffers = std::function<void(const std::string& dir, const RunState&)>;
RunState continue_from(const std::string& run, int64_t step, const RunFolder* folder, const RunState& now,
                       const LoadBuffers& load);

}  // namespace encore
