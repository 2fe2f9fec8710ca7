// Hugging Face model folders in and out.
#pragma once

#include <string>
#include <vector>

#include "kernels/base/dtype.h"
#include "model/config.h"
#include "model/param_store.h"

namespace encore {

class Model;

// What became of each tensor of a checkpoint; printed by the programs.
struct LoadReport {
  std::string file;  // or the index file of a sharded checkpoint
  std::vector<std::string> used;
  std::vector<std::string> ignored;  // present and not needed (pooler, position_ids, tied copies), with the reason
  std::vector<std::string> fresh;    // parameters that the file lacks: freshly initialised
  std::vector<std::string> notes;    // lines for the user
  bool mlm_head_fresh = false;       // the MLM head (dense, layer_norm or bias) is not from the file

  std::string summary() const;  // one line
};

// Fills the store from DIR: model.safetensors, model.safetensors.index.json (shards), or pytorch_model.bin (zip and
// legacy stream, read by a restricted reader that runs nothing), F32, F16 or BF16, under every alias of
// docs (old names, no prefix, gamma/beta, decoder copies). Parameters that the file lacks are initialised from
// `seed` and listed. Throws Error naming file and tensor: none of the files, a wrong shape, an encoder parameter that
// is missing, a tied decoder that differs from the embedding, a file that is not what its checksum says
// (model/checksums.h).
LoadReport load_weights(const std::string& dir, ParamStore&, const EncoderConfig&, uint64_t seed);

// Writes config.json and model.safetensors into DIR (made if missing). Each file is published whole.
void save_model(const std::string& dir, const Model&, DType dtype = DType::kF32);

}  // namespace encore
