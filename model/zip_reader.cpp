#include "model/zip_reader.h"

#include <zlib.h>

#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"

namespace encore {
namespace {

constexpr uint64_t kEnd = 0x06054b50, kEnd64Locator = 0x07064b50, kEnd64 = 0x06064b50, kCentral = 0x02014b50,
                   kLocal = 0x04034b50;
constexpr uint64_t kNone = UINT64_MAX;

// Deflate cannot shrink data by more than this factor, so a directory that claims more is damaged.
constexpr uint64_t kLargestRatio = 1032;

}  // namespace

uint64_t ZipReader::integer(uint64_t offset, int width) const {
  check(offset <= bytes_.size() && bytes_.size() - offset >= uint64_t(width),
        "{}: the zip directory points outside the file; the file is cut short or damaged", file_);
  uint64_t value = 0;
  for (int i = width - 1; i >= 0; --i) value = value << 8 | bytes_[offset + uint64_t(i)];
  return value;
}

ZipReader::ZipReader(std::span<const uint8_t> bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {
  // Only a comment of at most 65535 bytes may follow the end record.
  uint64_t end = kNone;
  if (bytes_.size() >= 22) {
    const uint64_t last = bytes_.size() - 22;
    for (uint64_t back = 0; back <= 65535 && back <= last && end == kNone; ++back)
      if (integer(last - back, 4) == kEnd && integer(last - back + 20, 2) <= back) end = last - back;
  }
  check(end != kNone, "{}: a zip file without its directory: it is cut short; download or save it again", file_);
  uint64_t count = integer(end + 10, 2), offset = integer(end + 16, 4);
  const bool zip64 = end >= 20 && integer(end - 20, 4) == kEnd64Locator;
  if (zip64) {
    const uint64_t record = integer(end - 20 + 8, 8);
    check(record < bytes_.size() && integer(record, 4) == kEnd64, "{}: damaged zip64 directory", file_);
    count = integer(record + 32, 8);
    offset = integer(record + 48, 8);
  } else {
    check(integer(end + 4, 2) == 0 && integer(end + 8, 2) == count, "{}: a zip file in several volumes", file_);
  }
  check(count <= bytes_.size() / 46, "{}: the zip directory claims {} entries, more than the file has room for", file_,
        count);
  read_directory(offset, count);
}

void ZipReader::read_directory(uint64_t at, uint64_t count) {
  uint64_t packed_total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    check(integer(at, 4) == kCentral, "{}: entry {} of the zip directory is damaged", file_, i);
    const uint64_t flags = integer(at + 8, 2);
    Entry e;
    e.method = uint16_t(integer(at + 10, 2));
    e.packed = integer(at + 20, 4);
    e.size = integer(at + 24, 4);
    const uint64_t name_length = integer(at + 28, 2), extra_length = integer(at + 30, 2);
    const uint64_t comment_length = integer(at + 32, 2);
    e.header_offset = integer(at + 42, 4);
    const uint64_t extra = at + 46 + name_length;
    integer(extra + extra_length, 0);
    const std::string name(reinterpret_cast<const char*>(bytes_.data()) + at + 46, name_length);
    check((flags & 1) == 0, "{}: entry {} is encrypted", file_, in_quotes(name));

    // Extra field 1 holds 64-bit values, in this order, for those that are all ones in the entry itself.
    for (uint64_t p = extra; p + 4 <= extra + extra_length;) {
      const uint64_t id = integer(p, 2), length = integer(p + 2, 2);
      uint64_t field = p + 4;
      const uint64_t stop = field + length;
      check(stop <= extra + extra_length, "{}: entry {}: damaged extra field", file_, in_quotes(name));
      if (id == 1)
        for (uint64_t* value : {&e.size, &e.packed, &e.header_offset})
          if (*value == 0xffffffff && field + 8 <= stop) {
            *value = integer(field, 8);
            field += 8;
          }
      p = stop;
    }
    check(e.packed <= bytes_.size() - packed_total, "{}: the entries of the zip directory overlap", file_);
    packed_total += e.packed;
    check(entries_.emplace(name, e).second, "{}: entry {} comes twice", file_, in_quotes(name));
    at = extra + extra_length + comment_length;
  }
}

std::span<const uint8_t> ZipReader::read(const std::string& name, std::vector<uint8_t>& room) const {
  const auto it = entries_.find(name);
  check(it != entries_.end(), "{}: entry {} is missing", file_, in_quotes(name));
  const Entry& e = it->second;
  check(e.header_offset < bytes_.size() && integer(e.header_offset, 4) == kLocal, "{}: entry {}: damaged header", file_,
        in_quotes(name));
  const uint64_t start = e.header_offset + 30 + integer(e.header_offset + 26, 2) + integer(e.header_offset + 28, 2);
  check(start <= bytes_.size() && e.packed <= bytes_.size() - start,
        "{}: entry {}: its {} bytes reach past the end of the file", file_, in_quotes(name), e.packed);
  const auto packed = bytes_.subspan(size_t(start), size_t(e.packed));
  if (e.method == 0) {
    check(e.packed == e.size, "{}: entry {}: stored with two sizes", file_, in_quotes(name));
    return packed;
  }
  check(e.method == 8, "{}: entry {}: compression method {} is not served", file_, in_quotes(name), e.method);
  check(e.size / kLargestRatio <= e.packed, "{}: entry {}: {} bytes cannot come from {}", file_, in_quotes(name),
        e.size, e.packed);
  room.resize(size_t(e.size) + 1);  // zlib needs a buffer even for an empty entry
  z_stream stream{};
  check(inflateInit2(&stream, -MAX_WBITS) == Z_OK, "{}: zlib does not start", file_);
  constexpr uint64_t kStep = 1u << 30;  // zlib counts in 32 bits
  uint64_t in = 0, out = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    stream.next_in = const_cast<uint8_t*>(packed.data()) + in;
    stream.avail_in = uInt(std::min(kStep, e.packed - in));
    stream.next_out = room.data() + out;
    stream.avail_out = uInt(std::min<uint64_t>(kStep, room.size() - out));
    const uint64_t in_before = stream.avail_in, out_before = stream.avail_out;
    status = inflate(&stream, Z_NO_FLUSH);
    in += in_before - stream.avail_in;
    out += out_before - stream.avail_out;
  }
  inflateEnd(&stream);
  check(status == Z_STREAM_END && out == e.size, "{}: entry {}: its compressed data is damaged", file_,
        in_quotes(name));
  room.resize(size_t(e.size));
  return room;
}

}  // namespace encore
