// A gzip archive (members end to end, damaged, cut short) of text lines.
#include "tests/fuzz/read_rows.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::read_corpus(fuzz::folder().write("input.txt.gz", fuzz::as_text(data, size)));
  return 0;
}
