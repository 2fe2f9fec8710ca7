// Device memory that grows on demand. Earlier blocks stay allocated, because captured graphs hold their addresses.
#pragma once

#include <cuda_runtime.h>

#include <vector>

namespace encore::cuda {

class KeptMemory {
 public:
  KeptMemory() = default;
  KeptMemory(const KeptMemory&) = delete;
  KeptMemory& operator=(const KeptMemory&) = delete;
  ~KeptMemory() {
    for (const Block& b : blocks_) cudaFree(b.memory);
  }

  // At least `bytes` bytes: the block of the last call if it is large enough, else allocate(bytes).
  template <class F>
  void* take(size_t bytes, F&& allocate) {
    if (blocks_.empty() || bytes > blocks_.back().bytes) blocks_.push_back({allocate(bytes), bytes});
    return blocks_.back().memory;
  }
  size_t bytes() const {
    size_t sum = 0;
    for (const Block& b : blocks_) sum += b.bytes;
    return sum;
  }

 private:
  struct Block {
    void* memory;
    size_t bytes;
  };
  std::vector<Block> blocks_;  // the last is the largest
};

}  // namespace encore::cuda
