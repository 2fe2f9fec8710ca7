#include <fcntl.h>
#include <src/nccl_segment.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

namespace simt {
namespace {

constexpr size_t kHeader = (sizeof(NcclSegment) + 4095) / 4096 * 4096;
constexpr size_t kBytes = kHeader + kNcclRanks * kNcclChunk;  // unused pages take no memory

double patience() {
  const char* seconds = std::getenv("SIMT_NCCL_SECONDS");
  return seconds ? std::atof(seconds) : 60;
}

}  // namespace

std::string NcclMeeting::create() {
  std::random_device random;
  const std::string name =
      "/simt_nccl." + std::to_string(::getpid()) + "." + std::to_string(random()) + std::to_string(random());
  const int file = ::shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
  if (file < 0) return "";
  const bool sized = ::ftruncate(file, off_t(kBytes)) == 0;
  ::close(file);
  if (sized) return name;
  ::shm_unlink(name.c_str());
  return "";
}

NcclMeeting::NcclMeeting(const std::string& name, int rank, int ranks) : rank_(rank), ranks_(ranks) {
  const int file = ::shm_open(name.c_str(), O_RDWR, 0600);
  void* p = file < 0 ? MAP_FAILED : ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file >= 0) ::close(file);
  if (p == MAP_FAILED) {
    failure_ = "there is no communicator under this id";
    return;
  }
  segment_ = static_cast<NcclSegment*>(p);  // fresh pages hold zeros, which is where the atomics begin
  if (segment_->joined.fetch_add(1) + 1 == uint32_t(ranks)) ::shm_unlink(name.c_str());
  if (!meet("the beginning")) ::shm_unlink(name.c_str());
}

NcclMeeting::~NcclMeeting() {
  if (segment_) ::munmap(segment_, kBytes);
}

char* NcclMeeting::data(int rank) const {
  return reinterpret_cast<char*>(segment_) + kHeader + size_t(rank) * kNcclChunk;
}

bool NcclMeeting::fail(std::string why) {
  failure_ = std::move(why);
  segment_->failed.store(1);
  return false;
}

bool NcclMeeting::meet(const char* what) {
  const uint32_t generation = segment_->generation.load();
  if (segment_->arrived.fetch_add(1) + 1 == uint32_t(ranks_)) {
    segment_->arrived.store(0);
    segment_->generation.fetch_add(1);
    return true;
  }
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (int turn = 0; segment_->generation.load() == generation; ++turn) {
    if (segment_->failed.load()) return fail(std::string("another rank gave up at ") + what);
    if (std::chrono::duration<double>(Clock::now() - start).count() > patience()) {
      std::string behind;
      const uint64_t mine = segment_->calls[rank_].load();
      for (int r = 0; r < ranks_; ++r)
        if (const uint64_t n = segment_->calls[r].load(); n < mine)
          behind += " rank " + std::to_string(r) + " has made " + std::to_string(n) + " calls of " +
                    std::to_string(mine) + ";";
      return fail(std::string("not all ranks came to ") + what + ":" +
                  (behind.empty() ? " " + std::to_string(segment_->joined.load()) + " of " + std::to_string(ranks_) +
                                        " have joined"
                                  : behind));
    }
    turn < 64 ? std::this_thread::yield() : std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

bool NcclMeeting::agree(const NcclCall& call) {
  if (!failure_.empty()) return false;
  const uint64_t number = segment_->calls[rank_].fetch_add(1) + 1;
  segment_->call[rank_] = call;
  const std::string what = "call " + std::to_string(number) + " (" + to_text(call) + ")";
  if (!meet(what.c_str())) return false;
  std::string differing;
  for (int r = 1; r < ranks_ && differing.empty(); ++r)
    if (segment_->call[r] != segment_->call[0])
      differing = "call " + std::to_string(number) + " differs: rank 0 makes " + to_text(segment_->call[0]) +
                  ", rank " + std::to_string(r) + " makes " + to_text(segment_->call[r]);
  if (!meet(what.c_str())) return false;  // no entry is overwritten before all ranks have read it
  if (differing.empty()) return true;
  failure_ = differing;  // the same on every rank, since all compare the same entries
  return false;
}

}  // namespace simt
