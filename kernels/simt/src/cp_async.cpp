#include <src/asan.h>
#include <src/block.h>

#include <cstring>
#include <device/cp_async.cuh>

namespace simt {
namespace {

void land(const CpAsync& c) {
  std::memcpy(c.to, c.from, size_t(c.bytes));
  std::memset(c.to + c.bytes, 0, 16 - size_t(c.bytes));
}

}  // namespace

void cp_async_16(uint32_t destination, const void* source, int bytes, Loc at) {
  Block& b = *current_block;
  Thread& t = *b.current;
  if (destination % 16) fail(at, "cp.async: destination %#x is not 16-byte aligned", destination);
  if (reinterpret_cast<uintptr_t>(source) % 16) fail(at, "cp.async: source %p is not 16-byte aligned", source);
  if (bytes < 0 || bytes > 16) fail(at, "cp.async of %d bytes; 0 to 16 are possible", bytes);
  CpAsync copy{b.shared_at(destination, 16, at), static_cast<const unsigned char*>(source), bytes, 0, at};
  if (const void* bad = asan_forbidden(source, size_t(bytes))) {
    fail(at, "cp.async reads %d bytes at %p; the byte at %p is outside every allocation", bytes, source, bad);
  }
  ++b.stats.cp_async;
  b.stats.async_global_bytes += uint64_t(bytes);
  b.stats.global_load_bytes += uint64_t(bytes);
  if (b.traffic) {
    const unsigned w = t.warp->index;
    if (bytes) b.traffic->note(w, t.lane, false, false, reinterpret_cast<uintptr_t>(source), 16, site_of(at));
    b.traffic->note(w, t.lane, true, true, destination, 16, site_of(at));
  }
  if (b.race) {
    copy.epoch = b.race->issue(t.actor, kCopyEngine);
    if (bytes) b.race->engine_access(t.actor, kCopyEngine, copy.epoch, source, size_t(bytes), false, site_of(at));
    b.race->engine_access(t.actor, kCopyEngine, copy.epoch, copy.to, 16, true, site_of(at));
  }
  if (b.options.async == Async::kEarly || (b.options.async == Async::kRandom && b.random() & 1)) {
    land(copy);
    copy.bytes = -1;
  } else if (b.options.poison) {
    poison_fill(copy.to, 16);
  }
  t.copies.push_back(copy);
}

void cp_async_commit(Loc) {
  Thread& t = *current_block->current;
  t.copy_groups.push_back(std::move(t.copies));
  t.copies.clear();
}

void cp_async_wait(int groups_in_flight, Loc) {
  Block& b = *current_block;
  Thread& t = *b.current;
  while (int(t.copy_groups.size()) > groups_in_flight) {
    for (const CpAsync& c : t.copy_groups.front()) {
      if (c.bytes >= 0) land(c);
      if (b.race) b.race->waited(t.actor, kCopyEngine, c.epoch);
    }
    t.copy_groups.erase(t.copy_groups.begin());
  }
}

}  // namespace simt
