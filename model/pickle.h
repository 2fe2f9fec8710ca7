// pytorch_model.bin: the zip that PyTorch has written since 1.6, and the legacy stream of earlier versions. The pickle
// inside is read by a restricted reader that executes nothing (model/pickle_machine.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/safetensors.h"

namespace encore {

struct PytorchTensors {
  TensorMap tensors;                        // these point into the given bytes or into `owned`
  std::vector<std::vector<uint8_t>> owned;  // storages that were compressed, tensors that were not contiguous
};

// Throws Error naming the file and what is wrong: neither format, cut short, a pickle of anything but a dictionary of
// tensors, a tensor that reaches outside its storage.
PytorchTensors parse_pytorch_tensors(std::span<const uint8_t> bytes, const std::string& file);

// The same from a file on disk, memory-mapped.
std::shared_ptr<SafetensorsFile> open_pytorch_file(const std::string& path);

}  // namespace encore
