// A zstd archive (frames end to end, skippable ones, damaged, cut short) of text lines.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "tests/fuzz/read_rows.h"

using namespace encore;

namespace {

// Whether a frame asks for a window so wide that AddressSanitizer takes a second to mark it. (tests/data reads one of 2
// GiB.)
bool wants_wide_window(const uint8_t* data, size_t size) {
  while (size > 0) {
    ZSTD_frameHeader header;
    if (ZSTD_getFrameHeader(&header, data, size) != 0) return false;
    if (header.windowSize > (size_t(8) << 20)) return true;
    const size_t frame = ZSTD_findFrameCompressedSize(data, size);
    if (ZSTD_isError(frame)) return false;
    data += frame;
    size -= frame;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (wants_wide_window(data, size)) return -1;
  fuzz::read_corpus(fuzz::folder().write("input.txt.zst", fuzz::as_text(data, size)));
  return 0;
}
