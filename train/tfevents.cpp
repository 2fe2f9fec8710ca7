#include "train/tfevents.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>
#include <regex>

namespace encore {
namespace {

constexpr std::array<uint32_t, 256> kTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
    table[i] = c;
  }
  return table;
}();

template <class T>
void put(std::string& out, T value) {
  static_assert(std::endian::native == std::endian::little);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(char(value | 0x80));
  out.push_back(char(value));
}

enum Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_key(std::string& out, int field, Wire wire) {
  put_varint(out, uint64_t(field << 3 | wire));
}
void put_bytes(std::string& out, int field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out.append(bytes);
}

std::string event(double wall_time) {
  std::string out;
  put_key(out, 1, kFixed64);
  put(out, wall_time);
  return out;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t c = ~0u;
  for (char byte : bytes) c = kTable[(c ^ uint8_t(byte)) & 0xff] ^ c >> 8;
  return ~c;
}

uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8u;
}

std::string tf_record(std::string_view message) {
  std::string out;
  put(out, uint64_t(message.size()));
  put(out, masked_crc32c(out));
  out.append(message);
  put(out, masked_crc32c(message));
  return out;
}

std::string version_event(double wall_time) {
  std::string out = event(wall_time);
  put_bytes(out, 3, "brain.Event:2");
  return out;
}

std::string scalar_event(double wall_time, int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary;
  for (const auto& [tag, scalar] : scalars) {
    std::string value;
    put_bytes(value, 1, tag);
    put_key(value, 2, kFixed32);
    put(value, float(scalar));
    put_bytes(summary, 1, value);
  }
  std::string out = event(wall_time);
  put_key(out, 2, kVarint);
  put_varint(out, uint64_t(step));
  put_bytes(out, 5, summary);
  return out;
}

std::string events_file_name(double wall_time) {
  char host[256] = "localhost";
  ::gethostname(host, sizeof(host) - 1);
  return fmt::format("events.out.tfevents.{:010d}.{}", int64_t(wall_time), host);
}

// Other writers add their process and a count: "events.out.tfevents.1700000000.host.1234.0".
bool is_events_file_name(const std::string& name) {
  static const std::regex kOwn(R"(events\.out\.tfevents\.\d{10}\..*)"), kOther(R"(.*\.\d+\.\d+(\.v2)?)");
  return std::regex_match(name, kOwn) && !std::regex_match(name, kOther);
}

}  // namespace encore
