// A .txt file, by lines and by blank lines.
#include "tests/fuzz/read_rows.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string path = fuzz::folder().write("input.txt", fuzz::as_text(data, size));
  fuzz::read_corpus(path);
  fuzz::read_corpus(path, true);
  return 0;
}
