// All that decides the numbers of a fine-tuning (train/run_digest.h), and whether its ranks see the same rows.
#pragma once

#include <nlohmann/json.hpp>

#include "data/tokenizer/tokenizer.h"
#include "optim/communicator.h"
#include "train/finetuning.h"
#include "train/run_digest.h"

namespace encore {

// output.config with the values that the run has resolved.
nlohmann::json config_in_force(const FinetuneSpec&, DType dtype);

// What is known before rows and weights are read: flags, config.json of the model, tokenizer.
RunDigest digest_of_flags(const FinetuneSpec&, DType dtype, const Tokenizer&);
RunDigest digest_of_rows(const LabelledData&, const Tokenizer&);

// Throws Error, on every rank, when the files of weights or rows differ between the ranks.
void check_files_of_ranks(const FinetuneSpec&, DType dtype, Communicator&);

}  // namespace encore
