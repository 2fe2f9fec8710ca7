// Makes files of torch.save, valid and invalid ones.
#pragma once

#include <zlib.h>

#include <string>
#include <utility>
#include <vector>

namespace encore {

inline std::string little_endian(uint64_t value, int width) {
  std::string out;
  for (int i = 0; i < width; ++i) out += i < 8 ? char(value >> 8 * i & 0xff) : char(0);
  return out;
}

// ---- opcodes
inline std::string text(const std::string& s) {
  return "X" + little_endian(s.size(), 4) + s;
}
inline std::string number(int64_t n) {
  return std::string("\x8a\x08") + little_endian(uint64_t(n), 8);
}
inline std::string tuple(const std::vector<int64_t>& numbers) {
  std::string out = "(";
  for (const int64_t n : numbers) out += number(n);
  return out + "t";
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string pickle(const std::string& opcodes) {
  return "\x80\x02" + opcodes + ".";
}

struct TensorSpec {
  std::string name, storage_type, key;
  int64_t storage_elements;
  int64_t offset;
  std::vector<int64_t> shape, strides;
  std::string view = "";  // the legacy stream's sixth item
};

inline std::string tensor_opcodes(const TensorSpec& t) {
  return global("torch._utils", "_rebuild_tensor_v2") + "((" + text("storage") + global("torch", t.storage_type) +
         text(t.key) + text("cpu") + number(t.storage_elements) + t.view + "tQ" + number(t.offset) + tuple(t.shape) +
         tuple(t.strides) + "\x89" + global("collections", "OrderedDict") + ")RtR";
}
inline std::string dict_opcodes(const std::vector<TensorSpec>& tensors) {
  std::string out = "}(";
  for (const TensorSpec& t : tensors) out += text(t.name) + tensor_opcodes(t);
  return out + "u";
}

// ---- the two containers
struct Stored {
  std::string key, bytes;
  uint64_t elements;
};

inline std::string legacy_file(const std::string& root, const std::vector<Stored>& storages) {
  std::string out = pickle(std::string("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12));
  out += pickle(std::string("M\xe9\x03", 3));
  out += pickle("}(" + text("protocol_version") + number(1001) + text("little_endian") + "\x88u");
  out += root;
  std::string keys = "](";
  for (const Stored& s : storages) keys += text(s.key);
  out += pickle(keys + "e");
  for (const Stored& s : storages) out += little_endian(s.elements, 8) + s.bytes;
  return out;
}

struct ZipEntry {
  std::string name, bytes;
  bool deflate = false;
  int64_t claimed_size = -1;  // >= 0: written instead of the true size
};

inline std::string deflated(const std::string& bytes) {
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, bytes.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = uInt(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = uInt(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

inline std::string zip_file(const std::vector<ZipEntry>& entries, bool zip64 = false) {
  std::string out, directory;
  for (const ZipEntry& e : entries) {
    const std::string packed = e.deflate ? deflated(e.bytes) : e.bytes;
    const uint64_t size = e.claimed_size >= 0 ? uint64_t(e.claimed_size) : e.bytes.size(), at = out.size();
    const std::string method = little_endian(e.deflate ? 8 : 0, 2);
    const std::string common = little_endian(0, 2) + method + little_endian(0, 8);
    out += "PK\3\4" + little_endian(45, 2) + common + little_endian(packed.size(), 4) + little_endian(size, 4) +
           little_endian(e.name.size(), 2) + little_endian(0, 2) + e.name + packed;
    const std::string extra = zip64 ? little_endian(1, 2) + little_endian(24, 2) + little_endian(size, 8) +
                                          little_endian(packed.size(), 8) + little_endian(at, 8)
                                    : "";
    const auto field = [&](uint64_t value) { return little_endian(zip64 ? 0xffffffff : value, 4); };
    directory += "PK\1\2" + little_endian(45, 2) + little_endian(45, 2) + common + field(packed.size()) + field(size) +
                 little_endian(e.name.size(), 2) + little_endian(extra.size(), 2) + little_endian(0, 2 + 2 + 2 + 4) +
                 field(at) + e.name + extra;
  }
  const uint64_t start = out.size();
  out += directory;
  if (zip64) {
    const uint64_t record = out.size();
    out += "PK\6\6" + little_endian(44, 8) + little_endian(45, 2) + little_endian(45, 2) + little_endian(0, 8) +
           little_endian(entries.size(), 8) + little_endian(entries.size(), 8) + little_endian(directory.size(), 8) +
           little_endian(start, 8);
    out += "PK\6\7" + little_endian(0, 4) + little_endian(record, 8) + little_endian(1, 4);
  }
  const auto field = [&](uint64_t value, int width) {
    return little_endian(zip64 ? UINT64_MAX >> (64 - 8 * width) : value, width);
  };
  return out + "PK\5\6" + little_endian(0, 4) + field(entries.size(), 2) + field(entries.size(), 2) +
         field(directory.size(), 4) + field(start, 4) + little_endian(0, 2);
}

}  // namespace encore
