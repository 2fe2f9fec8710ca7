// The "post_processor" of a tokenizer.json: which special tokens stand around a text and a pair.
#pragma once

#include <functional>
#include <optional>

#include "data/tokenizer/specials_template.h"
#include "data/tokenizer/tokenizer_json.h"

namespace encore {

// RobertaProcessing, BertProcessing and TemplateProcessing, alone or in a Sequence. Nothing where there is none of
// them, or it puts no token around a single text: ByteLevel's only moves offsets.
// id_of: -1 for an unknown token. Throws Error naming file and key for a token that the vocabulary lacks or knows by
// another id, and for a template that is not of one text, or of A and then B.
std::optional<SpecialNames> read_post_processor(const JsonFile&, const std::function<int32_t(std::string_view)>& id_of);

}  // namespace encore
