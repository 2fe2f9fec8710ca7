#include "train/tfevents.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

namespace encore {
namespace {

// RFC 3720, B.4, and the check value of CRC-32C.
TEST(Tfevents, Crc32c) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

// A reader of the wire format, written from the protocol-buffer documentation.
struct Reader {
  std::string_view bytes;
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const uint8_t byte = uint8_t(bytes.at(0));
      bytes.remove_prefix(1);
      value |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
  }
  template <class T>
  T fixed() {
    T value;
    if (bytes.size() < sizeof(T)) throw std::runtime_error("ends early");
    std::memcpy(&value, bytes.data(), sizeof(T));
    bytes.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view chunk(size_t n) {
    if (bytes.size() < n) throw std::runtime_error("ends early");
    const std::string_view part = bytes.substr(0, n);
    bytes.remove_prefix(n);
    return part;
  }
};

struct Event {
  double wall_time = 0;
  int64_t step = 0;
  std::string version;
  std::map<std::string, float> scalars;
};

void read_value(std::string_view bytes, Event& event) {
  Reader r{bytes};
  std::string tag;
  float value = 0;
  while (!r.bytes.empty()) {
    const uint64_t key = r.varint();
    if (key == (1 << 3 | 2))
      tag = r.chunk(r.varint());
    else if (key == (2 << 3 | 5))
      value = r.fixed<float>();
    else
      FAIL() << "key " << key;
  }
  event.scalars[tag] = value;
}

Event read_event(std::string_view bytes) {
  Event event;
  Reader r{bytes};
  while (!r.bytes.empty()) {
    const uint64_t key = r.varint();
    if (key == (1 << 3 | 1)) {
      event.wall_time = r.fixed<double>();
    } else if (key == (2 << 3 | 0)) {
      event.step = int64_t(r.varint());
    } else if (key == (3 << 3 | 2)) {
      event.version = r.chunk(r.varint());
    } else if (key == (5 << 3 | 2)) {
      Reader summary{r.chunk(r.varint())};
      while (!summary.bytes.empty()) {
        EXPECT_EQ(summary.varint(), uint64_t(1 << 3 | 2));
        read_value(summary.chunk(summary.varint()), event);
      }
    } else {
      ADD_FAILURE() << "key " << key;
      break;
    }
  }
  return event;
}

TEST(Tfevents, WhatIsWrittenIsRead) {
  const std::string file =
      tf_record(version_event(1.5)) + tf_record(scalar_event(2.5, 300, {{"train/loss", 6.25}, {"train/lr", 1e-4}}));
  Reader r{file};
  std::vector<Event> events;
  while (!r.bytes.empty()) {
    const std::string_view length = r.bytes.substr(0, 8);
    const uint64_t n = r.fixed<uint64_t>();
    EXPECT_EQ(r.fixed<uint32_t>(), masked_crc32c(length));
    const std::string_view message = r.chunk(n);
    EXPECT_EQ(r.fixed<uint32_t>(), masked_crc32c(message));
    events.push_back(read_event(message));
  }
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].version, "brain.Event:2");
  EXPECT_EQ(events[0].wall_time, 1.5);
  EXPECT_EQ(events[1].step, 300);
  EXPECT_EQ(events[1].scalars.at("train/loss"), 6.25f);
  EXPECT_EQ(events[1].scalars.at("train/lr"), 1e-4f);
}

// Every event file of TensorFlow starts with these bytes: the length of its version event, and the masked CRC of that.
TEST(Tfevents, MaskedCrcIsTensorFlows) {
  const std::string length("\x18\0\0\0\0\0\0\0", 8);
  EXPECT_EQ(masked_crc32c(length), 0x224b7fa3u);
}

}  // namespace
}  // namespace encore
