// All tensors of a checkpoint folder, in whichever of the four forms they lie there.
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
  std::string file;                        // what was read: the weights, or the index of the shards
  std::map<std::string, Located> tensors;  // by stored name

  // The files stay mapped as long as this lives.
  std::vector<std::shared_ptr<SafetensorsFile>> files;
};

// The first of model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json.
// Throws Error naming the folder or file: none of them, a shard that is missing or lacks a tensor that the index
// promises, one tensor in two shards, a Git LFS pointer, and whatever the readers refuse.
TensorSource open_tensors(const std::string& dir);

}  // namespace encore
