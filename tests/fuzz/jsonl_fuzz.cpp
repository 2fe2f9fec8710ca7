// A .jsonl file as a corpus and as labelled rows.
#include "tests/fuzz/read_rows.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string path = fuzz::folder().write("input.jsonl", fuzz::as_text(data, size));
  fuzz::read_corpus(path);
  fuzz::read_rows(path);
  return 0;
}
