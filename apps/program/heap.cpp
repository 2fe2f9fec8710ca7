#include "apps/program/heap.h"

#include <malloc.h>

namespace encore {

void return_large_blocks() {
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 4 << 20);  // the free top of the heap, which is returned when it is larger
}

}  // namespace encore
