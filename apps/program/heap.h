// How malloc keeps the memory of large blocks.
#pragma once

namespace encore {

// The memory of a block of 1 MiB and more goes back to the system when it is freed, whatever was freed before. By
// default glibc raises that limit with every such block, up to 32 MiB. oneDNN's buffers within a product differ in size
// from batch to batch; among longer-lived small blocks they leave holes that the next one does not fit, and the heap
// grows all through a run (docs/performance.md: 770 MiB in place of 350).
void return_large_blocks();

}  // namespace encore
