// Byte-level BPE, the tokenizer of GPT-2 and RoBERTa: the same ids as Hugging Face's for the same files.
//
// Text is cut into special tokens and the stretches between them; a stretch is cut into words by GPT-2's pattern
// (data/tokenizer/pretokenizer.h); a word's bytes are merged, lowest rank first, leftmost among equals.
// A Tokenizer is a handle to immutable data: copies are cheap, and every const member may be called from any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/utf8.h"

namespace encore {

struct TokenizerData;  // data/tokenizer/tokenizer_data.h

// What to do with "<mask>", "</s>", ... that stand in the text itself.
enum class SpecialText {
  kRecognise,  // as transformers does: one id; where the token has lstrip, the blanks before it are swallowed
  kAsText,     // letters like any other
};

class Tokenizer {
 public:
  static constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

  // From a folder that holds tokenizer.json (used first, as transformers does) or vocab.json + merges.txt;
  // added_tokens.json, special_tokens_map.json and tokenizer_config.json are read if present.
  // Error (exit 2) names file and key or line: nothing to load, not JSON, a BERT (WordPiece) or other tokenizer, ids
  // that clash, a merge of tokens that the vocabulary lacks.
  static Tokenizer load(const std::string& dir);

  // RoBERTa's kind from its parts: tokens in id order (with <s>, <pad>, </s>, <unk>, <mask> among them) and merges in
  // rank order, all in the byte-to-letter form of the files ("Ġthe").
  static Tokenizer from_parts(std::vector<std::string> tokens, std::vector<std::pair<std::string, std::string>> merges);

  // Appends the ids of `text`; no <s>, </s> around them. Ill-formed UTF-8 is encoded byte by byte (no error, no crash).
  void encode(std::string_view text, std::vector<int32_t>& ids, SpecialText special = SpecialText::kRecognise) const;
  std::vector<int32_t> encode(std::string_view text, SpecialText special = SpecialText::kRecognise) const;

  // As encode; also appends for each id 1 if it starts a word (a GPT-2 pre-token, or a special token), else 0.
  void encode_words(std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts,
                    SpecialText special = SpecialText::kRecognise) const;

  // encode of each text, shared out among `threads` threads (0: all of OpenMP's).
  std::vector<std::vector<int32_t>> encode_batch(std::span<const std::string_view> texts, int threads = 0,
                                                 SpecialText special = SpecialText::kRecognise) const;

  // <s> A </s>, and <s> A </s></s> B </s>, at most max_length ids with the specials counted. A pair is cut as Hugging
  // Face's fast tokenizers do it (longest_first): the longer text first; when both are cut, each gets half, the longer
  // the odd id. Error if the vocabulary has no <s> and </s>, or max_length has no room for the specials.
  std::vector<int32_t> build_inputs(std::span<const int32_t> a, size_t max_length = kNoLimit) const;
  std::vector<int32_t> build_inputs(std::span<const int32_t> a, std::span<const int32_t> b,
                                    size_t max_length = kNoLimit) const;

  int32_t vocab_size() const;  // greatest id + 1
  int32_t bos_id() const;      // <s>; -1 where the vocabulary has no such token (so for the four below)
  int32_t eos_id() const;      // </s>
  int32_t pad_id() const;
  int32_t unk_id() const;
  int32_t mask_id() const;
  bool is_special(int32_t id) const;
  bool has_token(int32_t id) const;            // false for a hole in the numbering and outside [0, vocab_size)
  const std::string& token(int32_t id) const;  // as in the files ("Ġthe"); "" for a hole; Error outside [0, vocab_size)
  int32_t id_of(std::string_view token) const;  // -1 if unknown
  size_t merge_count() const;
  bool add_prefix_space() const;

  // The text of ids. Bytes that are not UTF-8 (a token may hold part of a letter) stay as they are.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  // Hash of everything that ids depend on: the same for two folders exactly if they tokenize alike by construction
  // (vocabulary, merges, special tokens, prefix space), wherever they lie. Key of the token cache.
  uint64_t fingerprint() const;

  // Writes vocab.json, merges.txt, tokenizer.json, tokenizer_config.json and special_tokens_map.json, which
  // transformers' AutoTokenizer loads. Files of the folder that this tokenizer was loaded from are written byte for
  // byte (added_tokens.json too), missing ones are made. model_max_length goes into a tokenizer_config.json that is
  // made. Creates the folder; each file appears whole or not at all; IoError on failure.
  void save(const std::string& dir, int model_max_length = 512) const;

  const TokenizerData& data() const { return *data_; }

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerData> data) : data_(std::move(data)) {}
  std::shared_ptr<const TokenizerData> data_;
};

}  // namespace encore
