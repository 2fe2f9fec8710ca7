// The class of transformers that a tokenizer folder names.
#pragma once

#include <string_view>

namespace encore {

// What the class that a folder names does beyond the files. Measured with transformers 4.46 and 5.24.
enum class TokenizerClass {
  kRoberta,  // cls_token and sep_token stand around a text; add_prefix_space is tokenizer_config.json's, else false
  kGpt2,     // likewise, but nothing stands around a text unless the post-processor says so
  kAsFile,   // PreTrainedTokenizerFast: tokenizer.json as it is
  kUnnamed,  // no class: as kRoberta, but add_prefix_space is that of tokenizer.json unless the configuration has one
};

inline TokenizerClass class_of_name(std::string_view name) {
  if (name.ends_with("Fast")) name.remove_suffix(4);
  for (const char* roberta : {"RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer"})
    if (name == roberta) return TokenizerClass::kRoberta;
  if (name == "GPT2Tokenizer") return TokenizerClass::kGpt2;
  if (name == "PreTrainedTokenizer" || name == "TokenizersBackend") return TokenizerClass::kAsFile;
  return TokenizerClass::kUnnamed;
}

}  // namespace encore
