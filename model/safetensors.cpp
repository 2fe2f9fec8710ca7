#include "model/safetensors.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/mapped_file.h"
#include "kernels/base/read_json.h"
#include "model/half.h"

namespace encore {

using nlohmann::json;

namespace {

uint64_t little_endian_u64(const uint8_t* p) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | p[i];
  return value;
}

struct Placed {
  uint64_t begin, end;
  std::string name;
};

std::vector<int64_t> read_shape(const json& entry, const std::string& file, const std::string& name) {
  const auto it = entry.find("shape");
  check(it != entry.end() && it->is_array(), "{}: tensor {}: the header gives no shape", file, in_quotes(name));
  check(it->size() <= 32, "{}: tensor {}: {} dimensions", file, in_quotes(name), it->size());
  std::vector<int64_t> shape;
  for (const json& extent : *it) {
    check(extent.is_number_unsigned() && extent.get<uint64_t>() <= uint64_t(INT64_MAX),
          "{}: tensor {}: the header's shape {} is not a list of whole numbers", file, in_quotes(name),
          in_quotes(it->dump(-1, ' ', true), 60));
    shape.push_back(int64_t(extent.get<uint64_t>()));
  }
  return shape;
}

// Reads one entry of the header. Checks its offsets against the data section and against dtype and shape.
TensorEntry read_entry(const json& entry, const std::string& file, const std::string& name,
                       std::span<const uint8_t> data, Placed& placed) {
  check(entry.is_object(), "{}: tensor {}: the header's entry is no object", file, in_quotes(name));
  TensorEntry tensor;
  const auto dtype = entry.find("dtype");
  check(dtype != entry.end() && dtype->is_string(), "{}: tensor {}: the header gives no dtype", file, in_quotes(name));
  tensor.dtype = dtype->get<std::string>();
  const size_t element = safetensors_element_size(tensor.dtype);
  check(element > 0, "{}: tensor {}: unknown dtype {}", file, in_quotes(name), in_quotes(tensor.dtype));
  tensor.shape = read_shape(entry, file, name);

  const auto offsets = entry.find("data_offsets");
  check(offsets != entry.end() && offsets->is_array() && offsets->size() == 2 && (*offsets)[0].is_number_unsigned() &&
            (*offsets)[1].is_number_unsigned(),
        "{}: tensor {}: the header gives no pair of data_offsets", file, in_quotes(name));
  const uint64_t begin = (*offsets)[0].get<uint64_t>(), end = (*offsets)[1].get<uint64_t>();
  check(begin <= end && end <= data.size(),
        "{}: tensor {}: data_offsets [{}, {}] lie outside the {} bytes of data; the file is cut short or damaged", file,
        in_quotes(name), begin, end, data.size());
  int64_t count = 0;
  check(element_count(tensor.shape, count) && uint64_t(count) <= UINT64_MAX / element &&
            uint64_t(count) * element == end - begin,
        "{}: tensor {}: {} {} does not fill the {} bytes that the header gives it", file, in_quotes(name), tensor.dtype,
        shape_string(tensor.shape), end - begin);
  tensor.data = data.data() + begin;
  tensor.bytes = size_t(end - begin);
  placed = {.begin = begin, .end = end, .name = name};
  return tensor;
}

// The format has no gaps: each tensor starts where the one before it ends.
void check_layout(std::vector<Placed>& places, const std::string& file, uint64_t data_size) {
  std::sort(places.begin(), places.end(),
            [](const Placed& a, const Placed& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  uint64_t expected = 0;
  for (const Placed& p : places) {
    check(p.begin >= expected, "{}: tensor {}: starts at {}, inside the tensor before it, which ends at {}", file,
          in_quotes(p.name), p.begin, expected);
    check(p.begin == expected, "{}: tensor {}: starts at {}, leaving a gap after {}", file, in_quotes(p.name), p.begin,
          expected);
    expected = p.end;
  }
  check(expected == data_size, "{}: the header describes {} bytes of data and the file holds {}", file, expected,
        data_size);
}

template <class Source, class Convert>
std::vector<float> convert(const TensorEntry& tensor, Convert to) {
  // Entries of a pickle may be unaligned, so each element is copied before it is read.
  std::vector<float> values(tensor.bytes / sizeof(Source));
  for (size_t i = 0; i < values.size(); ++i) {
    Source element;
    std::memcpy(&element, tensor.data + i * sizeof(Source), sizeof(Source));
    values[i] = to(element);
  }
  return values;
}

class MappedSafetensors : public TensorFile {
 public:
  explicit MappedSafetensors(const std::string& path) : file_(path) {
    file_.reading([&] { parse_safetensors(file_.bytes(), path, tensors_, metadata_); });
  }
  void check_whole() const override { file_.check_whole(); }

 private:
  MappedFile file_;
};

}  // namespace

size_t safetensors_element_size(std::string_view dtype) {
  constexpr std::pair<std::string_view, size_t> kSizes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
      {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"F64", 8},     {"I64", 8}, {"U64", 8}, {"C64", 8}};
  for (const auto& [name, size] : kSizes)
    if (name == dtype) return size;
  return 0;
}

bool element_count(std::span<const int64_t> shape, int64_t& count) {
  constexpr int64_t kMost = int64_t(1) << 62;
  // With an extent of 0 the product is 0, even if the other extents would overflow.
  if (std::any_of(shape.begin(), shape.end(), [](int64_t n) { return n < 0; })) return false;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    count = 0;
    return true;
  }
  count = 1;
  for (const int64_t n : shape) {
    if (n > kMost / count) return false;
    count *= n;
  }
  return true;
}

nlohmann::json parse_safetensors_header(std::string_view text, const std::string& file) {
  return parse_json_object(text, file, "header", 8);
}

void parse_safetensors(std::span<const uint8_t> bytes, const std::string& file, TensorMap& tensors,
                       MetadataMap& metadata) {
  check(bytes.size() >= 8, "{}: {} bytes are no safetensors file; download or save it again", file, bytes.size());
  const uint64_t length = little_endian_u64(bytes.data());
  check(length <= kLongestHeader && length <= bytes.size() - 8,
        "{}: the header claims {} bytes of a file of {}; not a safetensors file, or cut short", file, length,
        bytes.size());
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, size_t(length));
  const std::span<const uint8_t> data = bytes.subspan(8 + size_t(length));
  const json header = parse_safetensors_header(text, file);
  std::vector<Placed> places;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      check(entry.is_object(), "{}: __metadata__ of the header is no object", file);
      for (const auto& [key, value] : entry.items()) {
        check(value.is_string(), "{}: __metadata__ of the header gives {} a value that is no string", file,
              in_quotes(key));
        metadata[key] = value.get<std::string>();
      }
      continue;
    }
    Placed placed;
    tensors[name] = read_entry(entry, file, name, data, placed);
    places.push_back(std::move(placed));
  }
  check_layout(places, file, data.size());
}

std::shared_ptr<TensorFile> open_safetensors_file(const std::string& path) {
  return std::make_shared<MappedSafetensors>(path);
}

std::vector<float> to_f32(const TensorEntry& tensor, const std::string& name) {
  if (tensor.dtype == "F32") {
    std::vector<float> values(tensor.bytes / sizeof(float));
    if (!values.empty()) std::memcpy(values.data(), tensor.data, tensor.bytes);
    return values;
  }
  if (tensor.dtype == "BF16") return convert<uint16_t>(tensor, [](uint16_t bits) { return to_float(bf16{bits}); });
  if (tensor.dtype == "F16") return convert<uint16_t>(tensor, half_to_float);
  if (tensor.dtype == "F64") return convert<double>(tensor, [](double value) { return float(value); });
  fail("tensor {}: dtype {} is none that weights can have (F32, F16, BF16, F64)", in_quotes(name), tensor.dtype);
}

}  // namespace encore
