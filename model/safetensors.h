// The safetensors container: an 8-byte little-endian header length, a JSON header, raw tensors.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
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

using TensorMap = std::map<std::string, TensorEntry>;
using MetadataMap = std::map<std::string, std::string>;

// The parser: entries point into `bytes`. `file` is what messages call it. Throws Error naming the file and what is
// wrong: too short, a header that is not JSON or lies about offsets, sizes or overlaps, an unknown dtype.
void parse_safetensors(std::span<const uint8_t> bytes, const std::string& file, TensorMap& tensors,
                       MetadataMap& metadata);

// A checkpoint file of tensors, memory-mapped.
class SafetensorsFile {
 public:
  // Throws Error: unreadable, or as parse_safetensors.
  static std::shared_ptr<SafetensorsFile> open(const std::string& path);
  virtual ~SafetensorsFile() = default;
  const TensorMap& tensors() const { return tensors_; }
  const MetadataMap& metadata() const { return metadata_; }

 protected:
  TensorMap tensors_;
  MetadataMap metadata_;
};

// Bytes of one element of a dtype as safetensors names it; 0: not a name that the format knows.
size_t safetensors_element_size(std::string_view dtype);

// The product of an extent list. False if an extent is negative or the product passes 2^62.
bool element_count(std::span<const int64_t> shape, int64_t& count);

// Any float entry (F64, F32, F16, BF16) as fp32. Throws Error naming the tensor for other dtypes.
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
