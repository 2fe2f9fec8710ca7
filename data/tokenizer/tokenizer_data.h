// What a Tokenizer refers to: the tables, ready for encoding. Immutable once made by make_tokenizer_data.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/tokenizer/bpe_merge.h"

namespace encore {

// Twice the largest vocabulary in use; a file that lies about its ids is not worth gigabytes of holes.
inline constexpr int32_t kMaxTokenIds = 1 << 21;

// A token that is looked for in the text before it is cut into words.
struct AddedToken {
  int32_t id = -1;
  std::string content;
  bool special = false;                 // no part of the text: skipped by decode, never masked
  bool lstrip = false, rstrip = false;  // swallows the white space before, after it
};

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
};
using TokenIds = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

// The plain contents of a tokenizer, as files or a trainer give them.
struct TokenizerParts {
  std::string source;                                       // names the origin in errors
  std::vector<std::pair<std::string, int32_t>> vocab;       // token (byte letters), id
  std::vector<std::pair<std::string, std::string>> merges;  // rank order
  std::vector<AddedToken> added;                            // id -1: the vocabulary's, or else the next free one
  std::string bos, eos, pad, unk, mask;                     // contents; empty: none
  bool add_prefix_space = false;
  std::map<std::string, std::string> files;  // name -> bytes of the files it was loaded from
};

struct TokenizerData {
  std::vector<std::string> tokens;  // by id; "" for a hole
  TokenIds ids;
  std::vector<std::pair<int32_t, int32_t>> merges;  // rank order
  MergeTable merge_table;
  std::array<int32_t, 256> byte_ids;  // -1: the vocabulary lacks it
  std::vector<AddedToken> added;      // longest content first
  std::array<bool, 256> starts_added{};
  int added_start = -1;          // the one byte that all of them start with, if there is just one
  std::vector<uint8_t> special;  // by id
  int32_t bos = -1, eos = -1, pad = -1, unk = -1, mask = -1;
  bool add_prefix_space = false;
  uint64_t fingerprint = 0;
  uint64_t serial = 0;  // distinct for every object of this process, never 0
  std::map<std::string, std::string> files;
};

// Error where ids clash, a merge names a token that the vocabulary lacks, or a special token has no id.
std::shared_ptr<const TokenizerData> make_tokenizer_data(TokenizerParts parts);

// Reads a folder; see Tokenizer::load.
TokenizerParts read_tokenizer_folder(const std::string& dir);

// name -> bytes of the five files that transformers reads, made from the data.
std::map<std::string, std::string> render_tokenizer_files(const TokenizerData& data, int model_max_length);

// The byte <-> letter table of GPT-2: 33-126, 161-172, 174-255 stand for themselves, the other 68 bytes for U+0100 on.
char32_t letter_of_byte(uint8_t byte);
std::string letters_of_bytes(std::string_view bytes);                 // UTF-8
bool bytes_of_letters(std::string_view letters, std::string& bytes);  // appends; false if a letter stands for no byte

}  // namespace encore
