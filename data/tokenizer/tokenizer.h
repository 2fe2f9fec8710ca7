// Text into token ids: the same ids as Hugging Face's tokenizers for the same files.
//
// Added tokens ("<mask>") are taken out of the text; a subword model (data/tokenizer/subword_model.h) encodes the
// stretches between them. The special tokens around a text come from the folder's template
// (data/tokenizer/specials_template.h). The one model so far is byte-level BPE, GPT-2's and RoBERTa's.
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

#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/specials_template.h"
#include "kernels/base/utf8.h"

namespace encore {

struct TokenizerData;  // data/tokenizer/tokenizer_data.h

// Of a tokenizer whose template is empty, where sequences need one.
inline constexpr const char* kNoSpecials =
    "the tokenizer puts no special tokens (<s>, </s>) around a text, by its class and its post-processor; if the model "
    "was trained with them, name RobertaTokenizer as \"tokenizer_class\" in tokenizer_config.json";

class Tokenizer {
 public:
  static constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

  // From a folder that holds tokenizer.json (used first, as transformers does) or vocab.json + merges.txt; tokens of
  // added_tokens.json, special_tokens_map.json and tokenizer_config.json are added to it. The template of special
  // tokens is the post-processor's of tokenizer.json, else cls_token and sep_token in RoBERTa's form, else <s> and
  // </s>; for a class that frames nothing (GPT2Tokenizer, PreTrainedTokenizerFast) it is the post-processor's or empty.
  // A role whose token the vocabulary lacks is left out, with a note. Error (exit 2) names file and key or line:
  // nothing to load, not JSON, a BERT (WordPiece) or other tokenizer, ids that clash, a merge of tokens or a template
  // of special tokens that the vocabulary lacks.
  static Tokenizer load(const std::string& dir);

  // RoBERTa's kind from its parts: tokens in id order (with <s>, <pad>, </s>, <unk>, <mask> among them) and merges in
  // rank order, all in the byte-to-letter form of the files ("Ġthe").
  static Tokenizer from_parts(std::vector<std::string> tokens, std::vector<std::pair<std::string, std::string>> merges);

  // Appends the ids of `text`, without the special tokens of the template. Ill-formed UTF-8 is encoded byte by byte (no
  // error, no crash).
  void encode(std::string_view text, std::vector<int32_t>& ids, SpecialText special = SpecialText::kRecognise) const;
  std::vector<int32_t> encode(std::string_view text, SpecialText special = SpecialText::kRecognise) const;

  // As encode; also appends for each id 1 if it starts a word (for BPE a GPT-2 pre-token; also an added
  // token), else 0.
  void encode_words(std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts,
                    SpecialText special = SpecialText::kRecognise) const;

  // encode of each text, shared out among `threads` threads (0: all of OpenMP's).
  std::vector<std::vector<int32_t>> encode_batch(std::span<const std::string_view> texts, int threads = 0,
                                                 SpecialText special = SpecialText::kRecognise) const;

  // A text, or a pair, with the special tokens of the template (RoBERTa: <s> A </s>, and <s> A </s></s> B </s>), at
  // most max_length ids in all. A pair is cut as Hugging Face's fast tokenizers do it (longest_first): the longer text
  // first; when both are cut, each gets half, the longer the odd id. Error if the template is empty, or max_length has
  // no room for the special tokens.
  std::vector<int32_t> build_inputs(std::span<const int32_t> a, size_t max_length = kNoLimit) const;
  std::vector<int32_t> build_inputs(std::span<const int32_t> a, std::span<const int32_t> b,
                                    size_t max_length = kNoLimit) const;

  const SpecialsTemplate& specials() const;  // empty: nothing is put around a text, and no sequences can be built

  int32_t vocab_size() const;  // greatest id + 1
  int32_t bos_id() const;      // <s>; -1 where the vocabulary has no such token (so for the four below)
  int32_t eos_id() const;      // </s>
  int32_t pad_id() const;
  int32_t unk_id() const;
  int32_t mask_id() const;
  bool is_special(int32_t id) const;
  bool has_token(int32_t id) const;  // false for an unused id and outside [0, vocab_size)
  const std::string& token(
      int32_t id) const;  // as in the files ("Ġthe"); "" for an unused id; Error outside [0, vocab_size)
  int32_t id_of(std::string_view token) const;  // -1 if unknown
  size_t merge_count() const;
  bool add_prefix_space() const;

  // The text of ids. Bytes that are not UTF-8 (a token may hold part of a letter) stay as they are.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  const std::vector<std::string>& notes() const;  // lines for the user, of load()

  // Hash of all that ids depend on (vocabulary, merges, special tokens and their template, prefix space), wherever the
  // folder lies. Key of the token cache.
  uint64_t fingerprint() const;

  // Writes vocab.json, merges.txt, tokenizer.json, tokenizer_config.json and special_tokens_map.json, which
  // transformers' AutoTokenizer loads. Files of the folder that this tokenizer was loaded from are written byte for
  // byte (added_tokens.json too), missing ones are made; so is a tokenizer.json that alone does not say what was used.
  // model_max_length goes into a tokenizer_config.json that is made. Creates the folder; each file appears whole or not
  // at all; IoError on failure.
  void save(const std::string& dir, int model_max_length = 512) const;

  const TokenizerData& data() const { return *data_; }

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerData> data) : data_(std::move(data)) {}
  std::shared_ptr<const TokenizerData> data_;
};

}  // namespace encore
