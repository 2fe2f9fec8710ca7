// Writing of safetensors files, and the checksum that they carry.
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/file_checksum.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/version.h"
#include "model/half.h"
#include "model/safetensors.h"

namespace encore {

using nlohmann::json;

namespace {

constexpr const char* kSum = "encore_crc32";
constexpr std::string_view kNoDigits = "00000000";

const char* stored_name(DType dtype) {
  switch (dtype) {
    case DType::kF32: return "F32";
    case DType::kF16: return "F16";
    case DType::kBF16: return "BF16";
    default: fail("tensors are written as fp32, fp16 or bf16, not as {}", name_of(dtype));
  }
}

// Counts the bytes into the checksum on their way to the file.
class SummedFile {
 public:
  explicit SummedFile(const std::string& path) : file_(path) {}
  void write(const void* data, size_t bytes) {
    sum_ = uint32_t(::crc32_z(sum_, static_cast<const Bytef*>(data), bytes));
    file_.write(data, bytes);
  }
  void write_unsummed(std::string_view text) { file_.write(text); }
  void commit(uint64_t digits) {
    file_.write_at(digits, FileChecksum{.crc32 = sum_}.hex());
    file_.commit();
  }

 private:
  AtomicFile file_;
  uint32_t sum_ = 0;
};

void write_values(SummedFile& file, const std::vector<float>& values, DType dtype) {
  if (dtype == DType::kF32) return file.write(values.data(), values.size() * sizeof(float));
  std::vector<uint16_t> narrow(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    narrow[i] = dtype == DType::kBF16 ? to_bf16(values[i]).bits : float_to_half(values[i]);
  file.write(narrow.data(), narrow.size() * sizeof(uint16_t));
}

std::string header_text(const std::string& path, const std::vector<TensorToWrite>& tensors, DType dtype) {
  const char* stored = stored_name(dtype);
  nlohmann::ordered_json header;
  header["__metadata__"] = {
      {"format", "pt"}, {"encore_version", version()}, {"encore_commit", commit()}, {kSum, kNoDigits}};
  uint64_t offset = 0;
  for (const TensorToWrite& t : tensors) {
    int64_t count = 0;
    check(element_count(t.shape, count), "{}: tensor {}: {} is no shape", path, in_quotes(t.name),
          shape_string(t.shape));
    check(!header.contains(t.name), "{}: tensor {} is to be written twice", path, in_quotes(t.name));
    const uint64_t end = offset + uint64_t(count) * size_of(dtype);
    header[t.name] = {{"dtype", stored}, {"shape", t.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // aligns the data in the mapped file
  return text;
}

// The text of the header; absent: no safetensors file.
std::optional<std::string> read_header(const InputFile& file) {
  const auto read = [&](uint64_t bytes, uint64_t from) {
    std::string out(size_t(bytes), '\0');
    for (size_t done = 0; done < out.size();) {
      const ssize_t n = ::pread(file.descriptor(), out.data() + done, out.size() - done, off_t(from + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail_io("{}: cannot be read: {}", file.path(), n < 0 ? std::strerror(errno) : "it became shorter");
      done += size_t(n);
    }
    return out;
  };
  if (file.size() < 8) return std::nullopt;
  uint64_t bytes = 0;
  std::memcpy(&bytes, read(8, 0).data(), sizeof(bytes));
  if (bytes > kLongestHeader || bytes > file.size() - 8) return std::nullopt;
  return read(bytes, 8);
}

bool in_library_order(std::string_view header, const std::string& path) {
  std::vector<std::pair<uint64_t, std::string>> places;
  try {
    const json parsed = parse_safetensors_header(header, path);
    for (const auto& [name, entry] : parsed.items())
      if (name != "__metadata__") places.emplace_back(entry.at("data_offsets").at(0).get<uint64_t>(), name);
  } catch (const json::exception&) {
    return false;
  } catch (const Error&) {
    return false;
  }
  std::stable_sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return std::is_sorted(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
}

// Where the digits of the file's own checksum begin in the header, and what they are; absent: it has none.
std::optional<std::pair<size_t, std::string>> own_digits(std::string_view header) {
  const std::string start = fmt::format("\"{}\":\"", kSum);
  const size_t at = header.substr(0, header.find('}')).find(start);
  if (at == header.npos) return std::nullopt;
  const size_t first = at + start.size();
  const std::string digits(header.substr(first, kNoDigits.size()));
  if (digits.size() < kNoDigits.size() || digits.find_first_not_of("0123456789abcdef") != digits.npos)
    return std::nullopt;
  return std::pair(first, digits);
}

}  // namespace

void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors, DType dtype) {
  const std::string text = header_text(path, tensors, dtype);
  const size_t digits = own_digits(text)->first;
  SummedFile file(path);
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i) length[size_t(i)] = char(uint64_t(text.size()) >> 8 * i & 0xff);
  file.write(length.data(), length.size());
  file.write(text.data(), digits);
  file.write_unsummed(kNoDigits);
  file.write(text.data() + digits + kNoDigits.size(), text.size() - digits - kNoDigits.size());
  for (const TensorToWrite& t : tensors) {
    int64_t count = 0;
    element_count(t.shape, count);
    const std::vector<float> values = t.values();
    check(int64_t(values.size()) == count, "{}: tensor {}: {} values for the shape {}", path, in_quotes(t.name),
          values.size(), shape_string(t.shape));
    write_values(file, values, dtype);
  }
  file.commit(8 + digits);
}

bool is_in_library_order(const std::string& path) {
  const auto header = read_header(InputFile(path));
  return header && in_library_order(*header, path);
}

OwnChecksum own_checksum(const std::string& path) {
  const InputFile file(path);
  const auto header = read_header(file);
  const auto own = header ? own_digits(*header) : std::nullopt;
  if (!own) return OwnChecksum::kNone;
  const auto& [at, digits] = *own;
  const uint64_t hole = 8 + at, after = hole + digits.size();
  const FileChecksum sum = joined(range_checksum(file, 0, hole), range_checksum(file, after, file.size() - after));
  if (sum.hex() == digits) return OwnChecksum::kMatches;
  return in_library_order(*header, path) ? OwnChecksum::kNone : OwnChecksum::kDiffers;
}

}  // namespace encore
