// The vocabulary and the merges of byte-level BPE, as a folder's files hold them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/tokenizer/byte_level_bpe.h"
#include "data/tokenizer/tokenizer_json.h"

namespace encore {

// All throw Error that names the file, and the key or the line.
std::vector<std::pair<std::string, int32_t>> read_vocab(const JsonFile& file, simdjson::dom::element vocab);
// merges.txt: "left right" a line, after an optional "#version" line.
ByteLevelBpe::Merges read_merges_txt(const std::string& path, std::string_view bytes);
// "merges" of a tokenizer.json: strings "left right", or pairs.
ByteLevelBpe::Merges read_merges_json(const JsonFile& file, simdjson::dom::element value);

}  // namespace encore
