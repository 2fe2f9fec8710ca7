// All tensors of a checkpoint folder, in any of the four forms that such folders have.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/safetensors.h"

namespace encore {

struct TensorSource {
  struct Located {
    TensorEntry entry;
    std::string file;
  };
  std::string file;                        // the weights, or the index of the shards
  std::map<std::string, Located> tensors;  // by stored name

  // Keeps the files mapped.
  std::vector<std::shared_ptr<TensorFile>> files;
  // As TensorFile::check_whole, of all files.
  void check_whole() const;
};

// The first of model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json.
// Throws Error naming the folder or file: none of them, a shard that is missing or lacks a tensor of the index, one
// tensor in two shards, a Git LFS pointer, and the errors of the readers.
TensorSource open_tensors(const std::string& dir);

}  // namespace encore
