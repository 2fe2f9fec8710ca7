// checksums.json of a model folder, which finds a torn or flipped byte:
//   {"files": {"model.safetensors": {"bytes": 498604904, "crc32": "0badcafe"}, "config.json": ...}}
// Folders of other origin have none; nothing is checked there.
#pragma once

#include <string>

namespace encore {

inline constexpr const char* kChecksumsFile = "checksums.json";

// Over every file that stands in the folder now. Throws IoError.
void write_checksums(const std::string& dir);

// "DIR/model.safetensors: is damaged (checksum)", naming the first file that is not what was written; empty when all is
// well or the folder has no checksums.json.
std::string find_damage(const std::string& dir);

// Throws Error naming the damaged file, and the undamaged model folder beside this one if there is one.
void check_checksums(const std::string& dir);

}  // namespace encore
