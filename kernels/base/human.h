// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace encore {

std::string human_bytes(double bytes);  // "1.53 GiB"
std::string human_time(
    double seconds);  // "2 h 05 min", "3 min 20 s", "12.3 s"; "?" if negative, not finite, or beyond 1e15
std::string with_commas(int64_t number);  // "-1,234,567"

// The text as one line that moves no cursor: control characters become \n, \r, \t or \xNN. Names of files may hold any.
std::string one_line(std::string_view text);
// For a value of the user's in a message: in single quotes, one line, at most `limit` bytes of it.
std::string shown(std::string_view text, size_t limit = 80);

}  // namespace encore
