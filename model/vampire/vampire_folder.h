// A VAMPIRE model as a folder:
//   config.json        "model_type": "vampire", and the fields of VampireConfig
//   model.safetensors  weights and statistics under the names of allenai/vampire's state dict, with the checksum of the
//                      project (model/safetensors.h). The first layer is [H, V + 1] there, as PyTorch has it. The
//                      constant gain of batch norm (bow_bn.weight) is 1; the count of batches, which nothing reads, is
//                      left out, and PyTorch sets it to 0 when it loads the tensors.
#pragma once

#include <string>

#include "model/vampire/vampire_model.h"

namespace encore {

// Makes the folder if it is missing. Each file is written atomically; the weights keep every bit. Throws IoError.
void save_vampire(const std::string& dir, const VampireModel&);

// Throws Error if the folder is none of a VAMPIRE model or a field is out of range.
VampireConfig read_vampire_config(const std::string& dir);

// Fills the model from DIR/model.safetensors. Throws Error naming file and tensor: missing, of another shape, not
// finite, a gain that is not 1, a file that does not match its checksum. REQUIRES: a model of the folder's config.
void load_vampire(const std::string& dir, VampireModel&);
// The same from one file of tensors.
void load_vampire_weights(const std::string& file, VampireModel&);

}  // namespace encore
