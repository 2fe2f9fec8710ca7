// The happens-before race detector (FastTrack's vector clocks; Flanagan and Freund, PLDI 2009) for one cluster of
// blocks, mostly a single one.
//
// Actors: 0..n-1 are the threads of all its blocks (rounded up to whole warps, block after block); n+t is the cp.async
// engine of thread t; 2n+w is the bulk engine (TMA, wgmma) of warp w. An asynchronous operation is recorded when it is
// issued, at its engine's next epoch; a thread knows that epoch after it has waited. Edges come only from barriers,
// __syncwarp, mbarriers and waits, never from shuffles, mma or ldmatrix. A second clock per thread holds the ordinary
// writes that the async proxy may see; it advances only at fence.proxy.async.
//
// All threads that leave a barrier share one clock vector. The epochs that only one thread knows (its own and those of
// its engines) are kept apart, so that a barrier costs O(actors), not O(actors * threads).
#pragma once

#include <simt/core.h>
#include <src/site.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace simt {

class Block;
class Cluster;
using Clocks = std::vector<uint32_t>;

enum Engine { kSelf = 0, kCopyEngine = 1, kBulkEngine = 2 };

struct View {
  std::shared_ptr<const Clocks> base;
  uint32_t own[3] = {0, 0, 0};  // by Engine
};

// The clocks of a barrier, of the generic and of the async proxy: the joined clocks of those who arrived, and the
// clocks that a waiter takes over.
struct SyncClock {
  struct Half {
    Clocks known;
    std::shared_ptr<const Clocks> last_joined, released, last_base, last_result;
  };
  Half half[2];
};

struct Access {
  Site site = 0;
  uint32_t clock = 0;    // 0: none
  uint32_t cluster = 0;  // its first block
  uint16_t actor = 0;
  bool atomic = false;
};
struct Cell {
  Access write, read;
  uint32_t readers = 0;  // 1 + index of all unordered reads since the write, when there is more than one
};
// The shadow of four bytes. The first narrower access splits it into four cells, and it stays split.
struct Granule {
  Cell cell;
  uint32_t bytes = 0;  // 1 + index of the four cells of a split granule
};
struct ShadowPool {
  std::vector<std::vector<Access>> readers;
  std::vector<std::vector<Cell>> split;
};

// Shadow of global memory during one launch, and the reports made so far.
class GlobalShadow {
 public:
  Granule& at(uintptr_t address);
  ShadowPool pool;
  std::set<std::pair<Site, Site>> seen;
  // A race with both its lines is reported rather than a read of memory that was never written.
  std::string first_race, first_unwritten;
  uint64_t reports = 0;

 private:
  static constexpr size_t kPageGranules = 1024;
  std::unordered_map<uintptr_t, std::unique_ptr<Granule[]>> pages_;
  uintptr_t last_page_ = 0;
  Granule* last_ = nullptr;
};

class RaceDetector {
 public:
  RaceDetector(Cluster&, GlobalShadow&);

  // An access by the current thread.
  void access(const void* p, size_t bytes, bool write, bool atomic, Site);
  // For an asynchronous operation of thread t, in this order: starts its epoch, records its accesses, and orders them
  // before a thread that has waited for it.
  uint32_t issue(unsigned t, Engine);
  void engine_access(unsigned t, Engine, uint32_t epoch, const void* p, size_t bytes, bool write, Site);
  void waited(unsigned t, Engine, uint32_t epoch);

  void release(SyncClock&, unsigned t);                // the clock of t joins the barrier's
  void publish(SyncClock&);                            // the barrier opens
  void acquire(SyncClock&, unsigned t, bool arrived);  // t takes it over; arrived: t has released to this barrier
  void clear(SyncClock&);
  void fence_proxy(unsigned t);

  // mbarriers, by address.
  void mbarrier_release(uint64_t*, unsigned t);
  void mbarrier_landed(uint64_t*, unsigned t, uint32_t epoch);
  void mbarrier_join(uint64_t*, const SyncClock&);
  void mbarrier_flip(uint64_t*);
  void mbarrier_acquire(uint64_t*, unsigned t);

 private:
  struct Actor {
    unsigned thread;
    Engine engine;
    const View& view;
    Access access;
    bool write;
  };
  unsigned actor_of(unsigned t, Engine) const;
  uint32_t known(const View&, unsigned t, unsigned actor) const;
  bool before(const Actor&, const Access&) const;
  void record(const Actor&, const void* p, size_t bytes);
  void check(const Actor&, Cell&, ShadowPool&, uintptr_t address, bool shared);
  void check_readers(const Actor&, Cell&, ShadowPool&, uintptr_t address);
  void add_reader(const Actor&, Cell&, ShadowPool&);
  void report(const Actor&, const char* what, uintptr_t address, const Access& other, const char* other_what);
  void report_early(bool write, const void* p, Site);
  std::string where(const void* p) const;
  std::string who(const Access&) const;
  Block* owner_of(const void* p) const;  // whose shared memory it is; null: global memory
  Granule& shared_granule(const Block&, uintptr_t address);

  struct Mbarrier {
    SyncClock arriving, done;
  };
  Cluster& cluster_;
  const uint32_t id_;  // of the cluster: its first block
  GlobalShadow& global_;
  const unsigned n_, actors_;
  std::vector<View> views_, proxy_;
  std::vector<uint32_t> epochs_;  // of the engines
  bool proxy_used_ = false;
  std::vector<std::vector<Granule>> shared_;  // by block
  ShadowPool pool_;
  std::unordered_map<uint64_t*, Mbarrier> mbarriers_;
};

}  // namespace simt
