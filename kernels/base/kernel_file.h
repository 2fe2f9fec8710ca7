// Numbers in the kernel's small text files under /proc and /sys.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace encore {

// The number behind `key` at the start of a line, as in "MemAvailable:  7340032 kB"; with no key, the first line that
// is an unsigned number. nullopt: no such file or line ("max" and "-1" are no numbers).
std::optional<uint64_t> number_in(const std::filesystem::path& file, std::string_view key = "");

// The sum of the numbers behind these keys, from one reading of the file; a key that is not there counts as 0.
uint64_t sum_in(const std::filesystem::path& file, const std::vector<std::string_view>& keys);

}  // namespace encore
