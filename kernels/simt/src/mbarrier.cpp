#include <src/block.h>

#include <bit>
#include <cstring>
#include <device/mbarrier.cuh>

namespace simt {
namespace {

// The state is kept in the barrier's own 8 bytes, so that a kernel that overwrites them is noticed.
struct State64 {
  uint64_t phase : 1, expected : 20, pending : 20, bytes : 21, magic : 2;  // bytes: two's complement
};
static_assert(sizeof(State64) == 8);
constexpr uint64_t kMagic = 2;

int bytes_of(const State64& s) {
  return s.bytes >> 20 ? int(s.bytes) - (1 << 21) : int(s.bytes);
}

State64& state_of(uint64_t* b, Loc at) {
  shared_address(b, at);
  auto& s = *reinterpret_cast<State64*>(b);
  if (s.magic != kMagic) fail(at, "mbarrier used before mbarrier_init, or overwritten");
  return s;
}

void note(Block& b, uint64_t* barrier, bool write, Loc at) {
  if (b.race) b.race->access(barrier, 8, write, !write, site_of(at));
}

}  // namespace

void fence_proxy_async(Loc) {
  Block& b = *current_block;
  if (b.race) b.race->fence_proxy(b.current->actor);
}

void mbarrier_init(uint64_t* barrier, uint32_t arrivals, Loc at) {
  Block& b = *current_block;
  shared_address(barrier, at);
  if (reinterpret_cast<uintptr_t>(barrier) % 8) fail(at, "mbarrier at %p is not 8-byte aligned", (void*)barrier);
  if (arrivals == 0 || arrivals >= 1u << 20) fail(at, "mbarrier_init with %u arrivals", arrivals);
  note(b, barrier, true, at);
  State64 s{};
  s.expected = s.pending = arrivals;
  s.magic = kMagic;
  *barrier = std::bit_cast<uint64_t>(s);
}

void mbarrier_arrive(uint64_t* barrier, uint32_t expected_bytes, Loc at) {
  Block& b = *current_block;
  State64& s = state_of(barrier, at);
  note(b, barrier, false, at);
  if (b.race) b.race->mbarrier_release(barrier, b.current->actor);
  if (!s.pending) fail(at, "mbarrier: more arrivals than the %u expected in this phase", unsigned(s.expected));
  s.bytes += expected_bytes;
  --s.pending;
  b.check_mbarrier(barrier);
}

void mbarrier_wait_parity(uint64_t* barrier, uint32_t parity, Loc at) {
  Block& b = *current_block;
  State64& s = state_of(barrier, at);
  note(b, barrier, false, at);
  if (s.phase == (parity & 1)) {
    b.mbarrier_waits.push_back({b.current, barrier, parity & 1});
    b.block_on("mbarrier_wait_parity", at);
  }
  if (b.race) b.race->mbarrier_acquire(barrier, b.current->actor);
}

void Block::check_mbarrier(uint64_t* barrier) {
  auto& s = *reinterpret_cast<State64*>(barrier);
  if (s.pending || s.bytes) return;
  s.phase ^= 1;
  s.pending = s.expected;
  if (race) race->mbarrier_flip(barrier);
  std::erase_if(mbarrier_waits, [&](const MbarrierWait& w) {
    if (w.barrier != barrier || s.phase == w.parity) return false;
    wake(w.thread);
    return true;
  });
}

// Subtracts the bytes of a completed copy from the barrier's count. More bytes than expected end in a deadlock, as on
// hardware.
void land_bytes(Block& b, const TmaInFlight& op) {
  auto& s = *reinterpret_cast<State64*>(op.barrier);
  if (s.magic != kMagic) fail(op.loc, "bulk load: its mbarrier was overwritten while the copy was in flight");
  s.bytes = uint64_t(bytes_of(s) - int(op.bytes)) & ((1u << 21) - 1);
  if (b.race) b.race->mbarrier_landed(op.barrier, op.thread, op.epoch);
  b.check_mbarrier(op.barrier);
}

void Block::land_store(size_t i) {
  const StoreInFlight op = std::move(stores[i]);
  stores.erase(stores.begin() + long(i));
  std::memcpy(op.to, op.value.data(), op.value.size());
  auto& s = *reinterpret_cast<State64*>(op.barrier);
  if (s.magic != kMagic) fail(op.loc, "store to another block: its mbarrier is not there, or was overwritten");
  s.bytes = uint64_t(bytes_of(s) - int(op.value.size())) & ((1u << 21) - 1);
  if (race) race->mbarrier_join(op.barrier, op.released);
  check_mbarrier(op.barrier);
}

}  // namespace simt
