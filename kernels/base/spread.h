// Samples that lie evenly over a sequence.
#pragma once

#include <cstdint>

namespace encore {

// floor(i n / of): where number i of a sample of `of` lies among n. REQUIRES 0 <= i < of <= n.
inline int64_t spread(int64_t i, int64_t n, int64_t of) {
  // The product may need more than 64 bits.
  return int64_t(static_cast<unsigned __int128>(i) * uint64_t(n) / uint64_t(of));
}

}  // namespace encore
