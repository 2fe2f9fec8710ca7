// A zstd archive (frames end to end, skippable ones, damaged, cut short) of text lines.
#include "tests/fuzz/read_rows.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::read_corpus(fuzz::folder().write("input.txt.zst", fuzz::as_text(data, size)));
  return 0;
}
