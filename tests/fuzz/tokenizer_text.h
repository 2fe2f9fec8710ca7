// A tokenizer that loaded must encode and decode.
#pragma once

#include "data/tokenizer/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

namespace encore::fuzz {

inline void use_tokenizer(const std::string& folder) {
  read_or_refuse([&] {
    const Tokenizer tokenizer = Tokenizer::load(folder);
    std::vector<int32_t> ids;
    for (const std::string_view text : {"He said <mask>, </s>  'tis 12\t\xc3\xa9t\xc3\xa9.\n\xff\xfe", "aaabab"}) {
      read_or_refuse([&] { tokenizer.encode(text, ids); });
      read_or_refuse([&] { tokenizer.encode(text, ids, SpecialText::kAsText); });
    }
    for (const int32_t id : ids) must(tokenizer.has_token(id), "ids are of the vocabulary");
    tokenizer.decode(ids);
    tokenizer.decode(ids, true);
    read_or_refuse([&] { tokenizer.build_inputs(ids, 16); });
    read_or_refuse([&] { tokenizer.build_inputs(ids, ids, 16); });
  });
}

}  // namespace encore::fuzz
