// Shared memory as kernels see it: the dynamic region, static objects, window addresses.
#include <src/cluster.h>

namespace simt {

unsigned lane_id() {
  return current_block->current->lane;
}
uint32_t active_mask() {
  return current_block->current->warp->live;
}

void* dynamic_shared(size_t align, Loc at) {
  Block& b = *current_block;
  if (!b.dynamic_bytes) fail(at, "dynamic shared memory is used, but the launch gives none");
  if (reinterpret_cast<uintptr_t>(b.dynamic) % align) fail(at, "dynamic shared memory is not %zu-byte aligned", align);
  return b.dynamic;
}

void* static_shared(const void* key, size_t bytes, size_t align, Loc at) {
  Block& b = *current_block;
  return b.memory.static_start() + b.cluster.static_offset(key, bytes, align, at);
}

uint32_t shared_address(const void* p, Loc at) {
  Block& b = *current_block;
  auto* byte = static_cast<const unsigned char*>(p);
  if (byte >= b.dynamic && byte <= b.dynamic + b.dynamic_bytes) return kDynamicBase + uint32_t(byte - b.dynamic);
  if (b.in_static(p)) return kStaticBase + uint32_t(byte - b.memory.static_start());
  fail(at, "%p is not in shared memory", p);
}

unsigned char* Block::shared_at(uint32_t address, size_t bytes, Loc at) {
  if (address >= kDynamicBase && address + bytes <= kDynamicBase + dynamic_bytes) {
    return dynamic + (address - kDynamicBase);
  }
  if (address >= kStaticBase && address + bytes <= kStaticBase + cluster.static_used) {
    return memory.static_start() + (address - kStaticBase);
  }
  fail(at,
       "shared address %#x (dynamic offset %ld), %zu bytes, is outside the block's shared memory (%zu dynamic, %zu "
       "static bytes)",
       address, long(address) - long(kDynamicBase), bytes, dynamic_bytes, cluster.static_used);
}

void note_atomic(const void* p, size_t bytes, Loc at) {
  Block* b = current_block;
  if (!b || !b->current) return;
  const bool shared = b->in_shared(p);
  if (!shared) b->stats.global_atomic_bytes += bytes;
  if (b->traffic && !shared) {  // counts as a load and a store
    const Thread& t = *b->current;
    for (const bool write : {false, true})
      b->traffic->note(t.warp->index, t.lane, false, write, reinterpret_cast<uintptr_t>(p), bytes, site_of(at));
  }
  if (b->race) b->race->access(p, bytes, true, true, site_of(at));
}

}  // namespace simt
