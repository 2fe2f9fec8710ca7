// The cost of warp accesses: 32-byte sectors of global memory, wavefronts of shared memory. Counts instrumented
// accesses and cp.async. Lanes run one after another here, so the k-th access of each lane at one source line is
// counted as one warp access: exact where the lanes of a warp take the same path, an estimate where they do not.
#pragma once

#include <simt/executor.h>
#include <src/site.h>

#include <array>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

namespace simt {

// The set of sectors of global memory that were touched, in pages of 128.
class SectorSet {
 public:
  void touch(uintptr_t address, size_t bytes, bool write);
  void add(const SectorSet&);
  uint64_t loaded() const;
  uint64_t stored() const;

 private:
  struct Page {
    uint64_t loaded[2] = {0, 0}, stored[2] = {0, 0};
  };
  std::unordered_map<uintptr_t, Page> pages_;
};

class Traffic {
 public:
  Traffic(unsigned warps, Stats& stats) : places_(warps), stats_(stats) {}
  void note(unsigned warp, unsigned lane, bool shared, bool write, uintptr_t address, size_t bytes, Site);
  void finish();  // counts the accesses that not all lanes of a warp made
  const SectorSet& sectors() const { return sectors_; }

 private:
  struct WarpAccess {
    uint32_t lanes = 0;
    std::array<uintptr_t, 32> address{};
  };
  struct Place {
    bool shared = false, write = false;
    size_t bytes = 0;
    uint64_t first = 0;  // ordinal of open.front()
    std::array<uint64_t, 32> count{};
    std::deque<WarpAccess> open;
  };
  void count(const Place&, const WarpAccess&);
  void count_global(const Place&, const WarpAccess&);
  void count_shared(const Place&, const WarpAccess&);

  std::vector<std::unordered_map<uint64_t, Place>> places_;
  SectorSet sectors_;
  Stats& stats_;
};

}  // namespace simt
