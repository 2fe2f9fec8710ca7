// checksums.json of a model folder, by which damaged files are found:
//   {"files": {"model.safetensors": {"bytes": 498604904, "crc32": "0badcafe"}, "config.json": ...}}
// Folders written by other programs have none, and their files are not checked.
#pragma once

#include <string>

namespace encore {

inline constexpr const char* kChecksumsFile = "checksums.json";

// Writes the checksums of all files in the folder. Throws IoError.
void write_checksums(const std::string& dir);

// The first file that does not match its checksum, as "DIR/model.safetensors: is damaged (checksum)". Empty when all
// files match or the folder has no checksums.json.
std::string find_damage(const std::string& dir);

// Throws Error naming the damaged file and, if the same parent has one, a model folder that is undamaged.
void check_checksums(const std::string& dir);

}  // namespace encore
