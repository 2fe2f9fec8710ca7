// Reading and writing of Hugging Face model folders.
#pragma once

#include <string>
#include <vector>

#include "kernels/base/dtype.h"
#include "model/config.h"
#include "model/param_store.h"

namespace encore {

class Model;

// How a checkpoint was read, tensor by tensor. Programs print the summary and the notes.
struct LoadReport {
  std::string file;  // the weights, or the index file of a sharded checkpoint
  std::vector<std::string> used;
  std::vector<std::string>
      ignored;                     // tensors that no parameter needs (pooler, position_ids, tied copies), each with why
  std::vector<std::string> fresh;  // parameters that the file lacks: freshly initialised
  std::vector<std::string> notes;  // lines for the user
  bool mlm_head_fresh = false;     // the MLM head (dense, layer_norm or bias) is not from the file: who uses it says so

  std::string summary() const;  // one line
};

// Fills the store from DIR: model.safetensors, model.safetensors.index.json (shards), or pytorch_model.bin (zip or
// legacy stream, by a restricted reader that executes nothing). Tensors are F32, F16 or BF16 and may have any of the
// family's older names (model/tensor_names.h). Parameters that the file lacks are initialised from `seed` and listed.
// Throws Error naming file and tensor: none of these files, a wrong shape, a missing parameter of the encoder, a
// decoder that differs from the embedding it is tied to, a file that does not match its checksum (model/checksums.h).
// Throws IoError for a file that becomes shorter while it is read.
//
// row_labels: for a classifier that is to be trained, the labels of its rows in the order of the model's classes. The
// stored head is used if it was made for the same labels (model/stored_head.h), each row for its label. Otherwise all
// of the head is initialised from `seed`, and a note says why. Null: the stored head is used as it is, and refused if
// it is not of a single-label classifier.
LoadReport load_weights(const std::string& dir, ParamStore&, const EncoderConfig&, uint64_t seed,
                        const std::vector<std::string>* row_labels = nullptr);

// Writes config.json and model.safetensors into DIR, which is made if missing. Each file is written atomically. Throws
// IoError.
void save_model(const std::string& dir, const Model&, DType dtype = DType::kF32);

}  // namespace encore
