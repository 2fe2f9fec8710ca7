// JSON as other programs write it: what a strict parser stumbles over.
#pragma once

#include <string>
#include <string_view>

namespace encore {

// Where the text is JSON as Python's json module writes it, but no JSON: NaN, Infinity, or half of a surrogate pair in
// a string. The key, the value, the byte (from 0) and what to do, in one clause; "" if there is no such place.
std::string python_json_fault(std::string_view json);

// The text with every number beyond the range of 64-bit integers and of doubles written as a double in range. simdjson
// refuses such numbers even under keys that nobody reads (transformers writes "model_max_length": 10^30).
std::string with_numbers_in_range(std::string_view json);

}  // namespace encore
