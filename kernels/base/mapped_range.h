// A mapped file that another program cuts, or a disk that fails, raises SIGBUS in whoever reads the mapping, which
// would kill the process without a word. While a MappedRange lives, such a read finds zeros instead, and the range
// remembers.
#pragma once

#include <cstddef>

namespace encore {

class MappedRange {
 public:
  // data: start of a mapping (a page's first byte). The first range installs the handler of SIGBUS; a fault outside of
  // all ranges ends the process as before.
  MappedRange(const void* data, size_t bytes);
  ~MappedRange();  // comes before munmap
  MappedRange(const MappedRange&) = delete;
  MappedRange& operator=(const MappedRange&) = delete;

  // Whether a read has failed: from its page on, the range holds zeros.
  bool was_cut() const;

  struct Entry;

 private:
  Entry* entry_;
};

}  // namespace encore
