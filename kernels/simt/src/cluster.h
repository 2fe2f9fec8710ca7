// Blocks that run together, share a barrier and write to one another's shared memory (sm_90). A launch without clusters
// has clusters of one block.
#pragma once

#include <src/block.h>

#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace simt {

class Cluster {
 public:
  Cluster(const Grid&, const Options&, GlobalShadow&, unsigned first_block);
  void add_block(WorkerMemory&);  // grid.cluster times
  std::string run();              // returns what went wrong, or an empty string

  // Fibers.
  void arrive(Thread&, Loc);
  void wait(Thread&, Loc);
  void store(void* p, uint64_t* barrier, unsigned rank, const void* value, size_t bytes, Loc);
  void on_exit();  // of the current thread
  // Static shared memory has the same layout in all blocks.
  size_t static_offset(const void* key, size_t bytes, size_t align, Loc);

  const Grid& grid;
  const Options& options;
  const unsigned first_block, size, threads_per_block, actors_per_block;
  std::unique_ptr<RaceDetector> race;  // null unless asked for
  std::vector<std::unique_ptr<Block>> blocks;
  size_t static_used = 0;

 private:
  // One round: every block runs as far as it can, or for a random number of turns. Returns true if any block ran.
  bool advance();
  unsigned live() const;
  void open();
  std::string error() const;

  std::mt19937_64 random_;
  std::unordered_map<const void*, size_t> static_offsets_;
  uint64_t phase_ = 1;
  unsigned arrived_ = 0;
  Loc first_arrival_{};
  std::vector<Thread*> waiting_;
  SyncClock arriving_, done_;
};

}  // namespace simt
