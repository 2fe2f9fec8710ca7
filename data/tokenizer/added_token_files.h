// Added tokens as the files of a tokenizer folder hold them.
#pragma once

#include <string_view>
#include <vector>

#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/tokenizer_json.h"

namespace encore {

// The functions that read throw Error, which names the file and the key.

// A string, or an object with "content" and flags. key: names the place in errors.
AddedToken read_added_token(const JsonFile&, simdjson::dom::element, std::string_view key);
// The token with this content; nullptr if none.
AddedToken* find_added(std::vector<AddedToken>&, std::string_view content);
// Adds the token. Of one that is there already, it replaces the flags; its id stays unless the new one has an id.
void merge_added(std::vector<AddedToken>&, const AddedToken&);

// "added_tokens" of tokenizer.json: a list of objects with "id".
void read_added_list(const JsonFile&, std::vector<AddedToken>&);
// "added_tokens_decoder" of tokenizer_config.json: an object of id: token.
void read_added_decoder(const JsonFile&, std::vector<AddedToken>&);
// "additional_special_tokens" and "extra_special_tokens": a list of tokens, or an object of name: token. Without an id
// each takes the next free one, in this order, as transformers gives it.
void read_special_list(const JsonFile&, const char* key, std::vector<AddedToken>&);

}  // namespace encore
