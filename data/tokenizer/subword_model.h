// How text becomes tokens: the part in which kinds of tokenizers differ. ByteLevelBpe (byte_level_bpe.h) is one kind.
//
// The Tokenizer does what all kinds share: it takes added tokens ("<mask>") out of the text, and puts special tokens
// around sequences. A model sees the stretches of text in between.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/fingerprint.h"

namespace encore {

// Immutable; any thread may call it.
class SubwordModel {
 public:
  virtual ~SubwordModel() = default;

  // Appends the ids of a stretch that is not empty and, if given, to `word_starts` 1 for an id that starts a word, else
  // 0. Ill-formed UTF-8 is no error.
  virtual void encode(std::string_view stretch, std::vector<int32_t>& ids, std::vector<uint8_t>* word_starts) const = 0;
  // Appends the text of neighbouring ids of the vocabulary, none of them special.
  virtual void decode(std::span<const int32_t> ids, std::string& text) const = 0;

  // Names the kind and the version of its rules in the fingerprint.
  virtual std::string_view kind() const = 0;
  // Adds all that ids depend on beyond the vocabulary.
  virtual void add_to(Fingerprint&) const = 0;
  // Rules that join two tokens; 0 for a kind without them.
  virtual size_t merge_count() const = 0;

  // Lines for the user: what of a text this vocabulary cannot say.
  virtual std::vector<std::string> notes() const { return {}; }

  // Name -> bytes of the kind's own files (vocab.json, merges.txt).
  virtual std::map<std::string, std::string> files() const = 0;
  // Fills in "pre_tokenizer", "decoder" and "model" of a tokenizer.json.
  virtual void describe(nlohmann::ordered_json& tokenizer_json, bool add_prefix_space) const = 0;
};

}  // namespace encore
