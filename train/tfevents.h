// TensorBoard event files, written by hand: TFRecord frames around protocol-buffer messages `tensorflow.Event`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace encore {

// CRC-32C (Castagnoli) of the bytes, and TFRecord's masked form of it: rotated right by 15, plus 0xa282ead8.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

// One frame: u64 length, masked CRC of the length, the message, masked CRC of the message; little-endian.
std::string tf_record(std::string_view message);

// Event {double wall_time = 1; string file_version = 3}: the first record of a file.
std::string version_event(double wall_time);
// Event {double wall_time = 1; int64 step = 2; Summary summary = 5 {Value value = 1 {string tag = 1; float
// simple_value = 2}}}.
std::string scalar_event(double wall_time, int64_t step, const std::vector<std::pair<std::string, double>>& scalars);

// The name that TensorBoard looks for: "events.out.tfevents.<seconds>.<host>".
std::string events_file_name(double wall_time);
// Whether a name is one of these, and not one that another program gives.
bool is_events_file_name(const std::string&);

}  // namespace encore
