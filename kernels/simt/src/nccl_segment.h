// The memory that the ranks of a communicator share, and their barrier in it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace simt {

constexpr int kNcclRanks = 64;
constexpr size_t kNcclChunk = size_t(64) << 10;  // bytes of a rank's data in the segment at a time

// An AllReduce of a rank, as the others must call it too.
struct NcclCall {
  int32_t type = 0, op = 0;
  uint64_t count = 0;
  bool operator==(const NcclCall&) const = default;
};
std::string to_text(const NcclCall&);

struct NcclSegment {
  std::atomic<uint32_t> joined, arrived, generation, failed;
  std::atomic<uint64_t> calls[kNcclRanks];
  NcclCall call[kNcclRanks];
};

// A process's mapping of the segment with a given id. The last rank to arrive removes the segment's name, so that no
// file is left behind.
class NcclMeeting {
 public:
  // Makes a segment under a new name and returns the name; empty if the system refused.
  static std::string create();
  // Maps it and waits for the other ranks. Check failure() afterwards.
  NcclMeeting(const std::string& name, int rank, int ranks);
  ~NcclMeeting();
  NcclMeeting(const NcclMeeting&) = delete;
  NcclMeeting& operator=(const NcclMeeting&) = delete;

  // Compares the call of this rank with those of all others. False, with failure() set, if they differ or a rank does
  // not arrive in time.
  bool agree(const NcclCall&);
  // Waits for all ranks. False if one does not arrive in time.
  bool meet(const char* what);
  char* data(int rank) const;  // kNcclChunk bytes
  int rank() const { return rank_; }
  int ranks() const { return ranks_; }
  const std::string& failure() const { return failure_; }

 private:
  bool fail(std::string why);

  NcclSegment* segment_ = nullptr;
  int rank_, ranks_;
  std::string failure_;
};

}  // namespace simt
