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

// Reads the header; the entries point into `bytes`. `file`: the name in messages. Throws Error naming the file and what
// is wrong: too short, a header that is not JSON, offsets or sizes that do not fit the data, overlaps, an unknown
// dtype.
void parse_safetensors(std::span<const uint8_t> bytes, const std::string& file, TensorMap& tensors,
                       MetadataMap& metadata);

// A checkpoint file of tensors, memory-mapped.
class SafetensorsFile {
 public:
  // Throws Error if the file cannot be read, and as parse_safetensors.
  static std::shared_ptr<SafetensorsFile> open(const std::string& path);
  virtual ~SafetensorsFile() = default;
  const TensorMap& tensors() const { return tensors_; }
  const MetadataMap& metadata() const { return metadata_; }

 protected:
  TensorMap tensors_;
  MetadataMap metadata_;
};

// Bytes of one element of a dtype by its name in the format; 0: no such dtype.
size_t safetensors_element_size(std::string_view dtype);

// count: the product of the extents. Returns false if an extent is negative or the product exceeds 2^62.
bool element_count(std::span<const int64_t> shape, int64_t& count);

// The values of an F64, F32, F16 or BF16 entry as fp32. Throws Error naming the tensor for other dtypes.
std::vector<float> to_f32(const TensorEntry&, const std::string& name);

// A tensor to write. `values` is called when its turn comes, so that no second copy of the model is in memory.
struct TensorToWrite {
  std::string name;
  std::vector<int64_t> shape;
  std::function<std::vector<float>()> values;
};
// Writes the tensors in the order given, with metadata {"format": "pt"}. dtype: kF32, kBF16 or kF16 for all. The file
// is written atomically (kernels/base/atomic_file.h). Throws Error, and IoError if it cannot be written.
void write_safetensors(const std::string& path, const std::vector<TensorToWrite>&, DType dtype);

}  // namespace encore
