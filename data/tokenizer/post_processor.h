// The "post_processor" of a tokenizer.json: which special tokens stand around a text and a pair.
#pragma once

#include <functional>
#include <optional>

#include "data/tokenizer/specials_template.h"
#include "data/tokenizer/tokenizer_json.h"

namespace encore {

// Reads RobertaProcessing, BertProcessing and TemplateProcessing, alone or in a Sequence. Returns nothing for any other
// post-processor (ByteLevel's only moves offsets), and for a template without special tokens around a single text.
// id_of: -1 for an unknown token. Throws Error naming file and key for a token that the vocabulary lacks or knows by
// another id, and for a template that is not of one text, or of A and then B.
std::optional<SpecialNames> read_post_processor(const JsonFile&, const std::function<int32_t(std::string_view)>& id_of);

}  // namespace encore
