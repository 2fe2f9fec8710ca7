// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace encore {

std::string human_bytes(double bytes);  // "1.53 GiB"
// "2 h 05 min", "3 min 20 s", "12.3 s"; "?" if negative, not finite, or beyond 1e15.
std::string human_time(double seconds);
std::string with_commas(int64_t number);  // "-1,234,567"

}  // namespace encore
