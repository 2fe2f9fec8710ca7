// The ranks of a run must see the same flags, files and program: otherwise they would train as one something that none
// of them was asked for.
#pragma once

#include <string>
#include <vector>

#include "data/tokenizer/tokenizer.h"
#include "kernels/base/dtype.h"
#include "model/config.h"
#include "optim/communicator.h"
#include "train/output_spec.h"
#include "train/run_digest.h"

namespace encore {

// Every rank calls it. Throws Error on every rank, with the same message, where a rank has a field, or a value, that
// rank 0 does not have.
void check_ranks_agree(const RunDigest&, Communicator&);

// Every flag of `config` but those that each rank may have for itself: names of files, whose content is compared, and
// what concerns its own machine.
RunDigest flags_of_ranks(const nlohmann::json& config);
// The same of a run, and whether it resumes.
RunDigest flags_of_ranks(const OutputSpec&);

// The first comparison of a program: its flags and its own file, the model's config.json, the tokenizer.
void check_ranks_start(RunDigest flags, const EncoderConfig&, const Tokenizer*, Communicator&);

// The last: a rank that is at its end early, with --help, must not leave the others waiting in the first.
void check_ranks_end(Communicator&);

// The second, before files are read, which may take long. The text is compared again, in full, where it has been read.
struct RankFiles {
  DType dtype;  // of activations, as resolved on this rank
  std::string model_dir;
  std::vector<std::string> train, eval;  // files, no streams
};
void check_rank_files(const RankFiles&, Communicator&);

}  // namespace encore
