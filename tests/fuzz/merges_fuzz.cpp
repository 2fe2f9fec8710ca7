// merges.txt with the other files of a tokenizer folder: parts of the input between NUL bytes, in this order. A part
// that is missing is a file that is missing.
#include "tests/fuzz/tokenizer_text.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view left = fuzz::as_text(data, size);
  bool more = true;
  for (const char* name :
       {"merges.txt", "vocab.json", "special_tokens_map.json", "tokenizer_config.json", "added_tokens.json"}) {
    const size_t end = std::min(left.find('\0'), left.size());
    if (more)
      fuzz::folder().write(name, left.substr(0, end));
    else
      std::filesystem::remove(fuzz::folder().path() + "/" + name);
    more = more && end < left.size();
    left.remove_prefix(std::min(left.size(), end + 1));
  }
  fuzz::use_tokenizer(fuzz::folder().path());
  return 0;
}
