// The safetensors container: an 8-byte little-endian header length, a JSON header, raw tensors.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
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

// The limit that the format sets.
inline constexpr uint64_t kLongestHeader = 100'000'000;

// The header as JSON. Throws Error naming the file.
nlohmann::json parse_safetensors_header(std::string_view text, const std::string& file);

// Reads the header; the entries point into `bytes`. `file`: the name in messages. Throws Error naming the file and what
// is wrong: too short, a header that is not JSON, offsets or sizes that do not fit the data, overlaps, an unknown
// dtype.
void parse_safetensors(std::span<const uint8_t> bytes, const std::string& file, TensorMap& tensors,
                       MetadataMap& metadata);

// A checkpoint file of tensors, safetensors or pytorch_model.bin (model/pickle.h), memory-mapped.
class TensorFile {
 public:
  virtual ~TensorFile() = default;
  // Throws IoError if the file has become shorter since it was opened: then values that were read may be zeros.
  virtual void check_whole() const = 0;
  const TensorMap& tensors() const { return tensors_; }
  const MetadataMap& metadata() const { return metadata_; }

 protected:
  TensorMap tensors_;
  MetadataMap metadata_;
};

// Throws Error if the file cannot be read, and as parse_safetensors.
std::shared_ptr<TensorFile> open_safetensors_file(const std::string& path);

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
// Writes the tensors in the order given. dtype: kF32, kBF16 or kF16 for all. __metadata__ holds "format": "pt", the
// version and the commit of this program, and "encore_crc32", the CRC-32 of the whole file without the eight digits of
// this value. The file is written atomically (kernels/base/atomic_file.h). Throws Error, and IoError if it cannot be
// written.
void write_safetensors(const std::string& path, const std::vector<TensorToWrite>&, DType dtype);

// The checksum that a file carries, against its bytes. kNone: it carries none, or not for these bytes: a program that
// writes the file anew leaves the checksum out, or copies it into a header whose tensors lie in the order of the
// safetensors library, by name, in which Encore writes no model. Also kNone for what is no safetensors file. Throws
// Error if the file cannot be read.
enum class OwnChecksum { kNone, kMatches, kDiffers };
OwnChecksum own_checksum(const std::string& path);
// Whether it is a safetensors file whose tensors lie in the order of the library.
bool is_in_library_order(const std::string& path);

}  // namespace encore
