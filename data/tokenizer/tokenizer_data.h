// The tables behind a Tokenizer. make_tokenizer_data builds them; they never change afterwards.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/specials_template.h"
#include "data/tokenizer/subword_model.h"
#include "data/tokenizer/vocabulary.h"

namespace encore {

// The plain contents of a tokenizer, as files or a trainer give them.
struct TokenizerParts {
  std::string source;                                  // names the origin in errors
  std::vector<std::pair<std::string, int32_t>> vocab;  // token as in the files, id
  std::vector<AddedToken> added;                       // id -1: the vocabulary's, or else the next free one
  std::string byte_unk;                                // stands for a byte without a token; empty: such bytes vanish
  std::string bos, eos, pad, unk, mask;                // contents; empty: none
  std::optional<SpecialNames> specials;                // none: RoBERTa's with bos and eos, where these are two tokens
  bool add_prefix_space = false;
  std::map<std::string, std::string> files;  // name -> bytes of the files it was loaded from
  std::vector<std::string> notes;            // lines for the user
  // Makes the subword model once ids are known. unk: of byte_unk, -1 for none.
  std::function<std::unique_ptr<const SubwordModel>(const Vocabulary&, int32_t unk)> make_model;
};

struct TokenizerData {
  Vocabulary vocabulary;
  std::unique_ptr<const SubwordModel> model;  // refers to `vocabulary`
  AddedTokens added;
  std::vector<uint8_t> special;  // by id
  int32_t bos = -1, eos = -1, pad = -1, unk = -1, mask = -1;
  SpecialsTemplate specials;
  bool add_prefix_space = false;  // a stretch of text that starts without a blank gets one
  uint64_t fingerprint = 0;
  std::map<std::string, std::string> files;
  std::vector<std::string> notes;

  TokenizerData() = default;
  TokenizerData(const TokenizerData&) = delete;
  TokenizerData& operator=(const TokenizerData&) = delete;
};

// Throws Error where ids clash, a merge names a token that the vocabulary lacks, or a special token has no id.
std::shared_ptr<const TokenizerData> make_tokenizer_data(TokenizerParts parts);

// Reads a folder; see Tokenizer::load.
TokenizerParts read_tokenizer_folder(const std::string& dir);

// name -> bytes of the five files that transformers reads, made from the data.
std::map<std::string, std::string> render_tokenizer_files(const TokenizerData& data, int model_max_length);

}  // namespace encore
