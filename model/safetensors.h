// The safetensors container: an 8-byte little-endian header length, a JSON header, raw tensors.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/base/dtype.h"

namespace encore {

struct TensorEntry {
  std::string dtype;  // as the file names it: "F32", "F16", "BF16", "I64", ...
  std::vector<int64_t> shape;
  const uint8_t* data = nullptr;  // into the mapped file; little-endian, row-major
  size_t bytes = 0;
};

// A checkpoint file of tensors, memory-mapped.
class SafetensorsFile {
 public:
  // Throws Error naming the file and what is wrong: too short, a header that is not JSON or lies about offsets, sizes
  // or overlaps, an unknown dtype.
  static std::shared_ptr<SafetensorsFile> open(const std::string& path);
  virtual ~SafetensorsFile() = default;
  const std::map<std::string, TensorEntry>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 protected:
  std::map<std::string, TensorEntry> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Any float entry as fp32. Throws Error naming the tensor for other dtypes.
std::vector<float> to_f32(const TensorEntry&, const std::string& name);

// Writes tensors in the order given, one at a time, so that no second copy of the model is in memory.
struct TensorToWrite {
  std::string name;
  std::vector<int64_t> shape;
  std::function<std::vector<float>()> values;
};
// dtype: kF32, kBF16 or kF16 for all. Metadata {"format": "pt"}. Published by temporary name, fsync, rename.
void write_safetensors(const std::string& path, const std::vector<TensorToWrite>&, DType dtype);

}  // namespace encore
