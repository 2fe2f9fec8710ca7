// tokenizer.json alone in a folder.
#include "tests/fuzz/tokenizer_text.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::folder().write("tokenizer.json", fuzz::as_text(data, size));
  fuzz::use_tokenizer(fuzz::folder().path());
  return 0;
}
