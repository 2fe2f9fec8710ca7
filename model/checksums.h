// How damage to a model folder that Encore wrote is found, without refusing what other programs write into it.
//
//   model.safetensors      carries its checksum (write_safetensors); gone when another program writes the file anew
//   tokenizer.json, vocab.json, merges.txt
//                          stand in checksums.json:
//                            {"files": {"vocab.json": {"bytes": 113406, "crc32": "0badcafe"}, ...}}
//                          A file of another length was written anew since, and is not checked.
//   config.json and the other files that people edit are not summed.
//
// checksums.json of earlier versions names all files, and of these the same ones are checked; model.safetensors by it
// only if it has no checksum of its own, and unless the safetensors library has written it since. Folders of other
// programs have neither, and are not checked.
#pragma once

#include <string>

namespace encore {

inline constexpr const char* kChecksumsFile = "checksums.json";

// Writes the checksums of the tokenizer's files in the folder. Throws IoError.
void write_checksums(const std::string& dir);

// The first file that is damaged, as "DIR/vocab.json: is damaged (checksum)". Empty: none is known to be.
std::string find_damage(const std::string& dir);

// Throws Error naming the damaged file and, of a run's model/best and model/last, the other one if it is undamaged.
void check_checksums(const std::string& dir);

}  // namespace encore
