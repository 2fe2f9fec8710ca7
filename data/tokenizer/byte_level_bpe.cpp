#include "data/tokenizer/byte_level_bpe.h"

#include <atomic>
#include <nlohmann/json.hpp>

#include "data/tokenizer/byte_letters.h"
#include "data/tokenizer/word_encoder.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

using nlohmann::ordered_json;

ordered_json vocabulary_json(const Vocabulary& vocabulary) {
  // An object in id order. nlohmann's ordered_json looks every key up on insertion, so the vector under it is filled.
  ordered_json::object_t object;
  object.reserve(vocabulary.tokens.size());
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (vocabulary.tokens[id].empty()) continue;
    static_cast<std::vector<ordered_json::object_t::value_type>&>(object).emplace_back(vocabulary.tokens[id], id);
  }
  return ordered_json(std::move(object));
}

}  // namespace

ByteLevelBpe::ByteLevelBpe(const Vocabulary& vocabulary, const Merges& merges, MissingBytes missing,
                           const std::string& source)
    : vocabulary_(vocabulary), merge_table_(merges.size()), missing_(missing) {
  merges_.reserve(merges.size());
  std::string joined;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    joined.assign(left).append(right);
    int32_t ids[3];
    const std::string* names[3] = {&left, &right, &joined};
    for (int i = 0; i < 3; ++i) {
      ids[i] = vocabulary.find(*names[i]);
      check(ids[i] >= 0, "{}: merge {} (\"{} {}\"): the vocabulary has no token \"{}\"", source, rank + 1, left, right,
            *names[i]);
    }
    merges_.emplace_back(ids[0], ids[1]);
    merge_table_.insert(ids[0], ids[1], uint32_t(rank), ids[2]);
  }
  for (unsigned b = 0; b < 256; ++b) {
    const char byte = char(b);
    byte_ids_[b] = vocabulary.find(letters_of_bytes({&byte, 1}));
  }
  static std::atomic<uint64_t> serial{0};
  serial_ = ++serial;
}

void ByteLevelBpe::encode(std::string_view stretch, std::vector<int32_t>& ids,
                          std::vector<uint8_t>* word_starts) const {
  WordEncoder(*this, ids, word_starts).add_words(stretch);
}

void ByteLevelBpe::decode(std::span<const int32_t> ids, std::string& text) const {
  for (const int32_t id : ids) {
    const std::string& letters = vocabulary_.tokens[size_t(id)];
    // An added token may hold letters that stand for no byte: it is spelt as it is.
    if (!bytes_of_letters(letters, text)) text += letters;
  }
}

void ByteLevelBpe::add_to(Fingerprint& fingerprint) const {
  fingerprint.add_number(merges_.size());
  for (const auto& [left, right] : merges_) {
    fingerprint.add_number(uint64_t(left));
    fingerprint.add_number(uint64_t(right));
  }
  if (absent_bytes() == 0) return;
  fingerprint.add_string("absent bytes");
  fingerprint.add_number(uint64_t(int64_t(missing_.unk)));
  fingerprint.add_number(missing_.fuse);
}

int ByteLevelBpe::absent_bytes() const {
  int absent = 0;
  for (int b = 0; b < 256; ++b) absent += byte_ids_[size_t(b)] < 0 && b != 0xc0 && b != 0xc1 && b < 0xf5;
  return absent;
}

std::vector<std::string> ByteLevelBpe::notes() const {
  const int absent = absent_bytes();
  if (absent == 0) return {};
  const std::string read_as =
      missing_.unk < 0 ? "left out of a text" : fmt::format("read as {}", vocabulary_.tokens[size_t(missing_.unk)]);
  return {fmt::format("the vocabulary has no token for {} of the bytes of UTF-8: they are {}, as by transformers",
                      absent, read_as)};
}

std::vector<std::string> ByteLevelBpe::merge_lines() const {
  std::vector<std::string> lines;
  lines.reserve(merges_.size());
  for (const auto& [left, right] : merges_)
    lines.push_back(vocabulary_.tokens[size_t(left)] + " " + vocabulary_.tokens[size_t(right)]);
  return lines;
}

std::map<std::string, std::string> ByteLevelBpe::files() const {
  std::string merges = "#version: 0.2\n";
  for (const std::string& line : merge_lines()) merges.append(line).append("\n");
  return {{"vocab.json", vocabulary_json(vocabulary_).dump()}, {"merges.txt", std::move(merges)}};
}

void ByteLevelBpe::describe(ordered_json& tokenizer_json, bool add_prefix_space) const {
  const ordered_json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", true}};
  tokenizer_json["pre_tokenizer"] = byte_level;
  tokenizer_json["decoder"] = byte_level;
  const ordered_json unk = missing_.unk < 0 ? ordered_json() : ordered_json(vocabulary_.tokens[size_t(missing_.unk)]);
  tokenizer_json["model"] = {{"type", "BPE"},
                             {"dropout", nullptr},
                             {"unk_token", unk},
                             {"continuing_subword_prefix", ""},
                             {"end_of_word_suffix", ""},
                             {"fuse_unk", missing_.fuse},
                             {"byte_fallback", false},
                             {"vocab", vocabulary_json(vocabulary_)},
                             {"merges", merge_lines()}};
}

}  // namespace encore
