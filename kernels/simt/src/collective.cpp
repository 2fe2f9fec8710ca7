// Warp collectives and barriers, with the checks of their use.
#include <src/block.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace simt {
namespace {

bool same_place(Loc a, Loc b) {
  return a.line == b.line && a.file == b.file;
}

void order_lanes(Block& b, const Warp& w, uint32_t mask) {
  SyncClock clock;
  for (unsigned i = 0; i < 32; ++i) {
    if (mask >> i & 1) b.race->release(clock, w.first->actor + i);
  }
  b.race->publish(clock);
  for (unsigned i = 0; i < 32; ++i) {
    if (mask >> i & 1) b.race->acquire(clock, w.first->actor + i, true);
  }
}

}  // namespace

Collective* Block::join_collective(uint32_t mask, const char* name, unsigned flags, WarpFunction compute, Loc at) {
  Warp& w = *current->warp;
  for (Collective& c : w.pending) {
    if (!(c.mask & mask)) continue;
    const bool place_matters = (flags & kFullWarp) || options.strict;
    if (c.mask != mask || c.compute != compute || std::strcmp(c.name, name) ||
        (place_matters && !same_place(c.loc, at))) {
      fail(at, "warp divergence: %s(mask %08x) here meets %s(mask %08x) of other lanes at %s", name, mask, c.name,
           c.mask, site_name(site_of(c.loc)).c_str());
    }
    return &c;
  }
  ++stats.collectives;
  w.pending.push_back(Collective{mask, 0, name, flags, at, compute, {}});
  return &w.pending.back();
}

void wait_for_earlier_launches() {
  current_block->current->waited_for_launches = true;
}

void warp_collective(uint32_t mask, const char* name, unsigned flags, WarpFunction compute, void* operands, Loc at) {
  Block& b = *current_block;
  Thread& t = *b.current;
  Warp& w = *t.warp;
  if (!(mask >> t.lane & 1)) fail(at, "%s: the calling lane %u is not in its mask %08x", name, t.lane, mask);
  if (mask & w.exists & ~w.live) {
    fail(at, "%s: mask %08x names lanes %08x, which have exited", name, mask, mask & w.exists & ~w.live);
  }
  if ((flags & kFullWarp) && (mask != ~0u || w.exists != ~0u)) fail(at, "%s needs a full warp of 32 threads", name);
  mask &= w.exists;
  Collective* c = b.join_collective(mask, name, flags, compute, at);
  c->arrived |= 1u << t.lane;
  c->operands[t.lane] = operands;
  if (c->arrived != mask) {
    b.block_on(name, at);
    return;
  }
  Collective done = *c;
  *c = w.pending.back();
  w.pending.pop_back();
  if (done.compute) done.compute(done.operands, mask);
  if (b.race && (flags & kOrdersMemory)) order_lanes(b, w, mask);
  for (unsigned i = 0; i < 32; ++i) {
    if ((mask >> i & 1) && i != t.lane) b.wake(w.first + i);
  }
}

void Block::release(Barrier& bar) {
  ++stats.barriers;
  std::vector<Thread*> waiting = std::move(bar.waiting);
  bar.waiting.clear();
  if (race) race->publish(bar.clock);
  for (Thread* t : waiting) {
    if (race) race->acquire(bar.clock, t->actor, true);
    if (t != current) wake(t);
  }
  if (race) race->clear(bar.clock);
  bar.arrived = 0;
}

// expected -1: every thread of the block that has not exited.
void Block::arrive(int number, int expected, bool wait, Loc at) {
  Barrier& bar = barriers[number];
  const bool whole = expected == -1;
  if (!bar.arrived) {
    bar.first = at;
    bar.expected = expected;
  } else if (bar.expected != expected) {
    fail(at, "barrier %d is used with %d threads here and with %d at %s", number, expected, bar.expected,
         site_name(site_of(bar.first)).c_str());
  }
  if (whole && options.strict) {
    if (!same_place(bar.first, at)) {
      fail(at, "divergent __syncthreads: other threads wait at %s", site_name(site_of(bar.first)).c_str());
    }
    if (live != thread_count) {
      fail(at, "__syncthreads after %u of %u threads have exited", thread_count - live, thread_count);
    }
  }
  ++bar.arrived;
  if (race) race->release(bar.clock, current->actor);
  if (wait) bar.waiting.push_back(current);
  const int needed = whole ? int(live) : expected;
  if (bar.arrived > needed) fail(at, "barrier %d: %d arrivals, %d expected", number, bar.arrived, needed);
  if (bar.arrived == needed) {
    release(bar);
  } else if (wait) {
    block_on(whole ? "__syncthreads" : "a named barrier", at);
  }
}

void sync_threads(Loc at) {
  current_block->arrive(0, -1, true, at);
}

int sync_threads_reduce(int predicate, Reduce kind, Loc at) {
  Block& b = *current_block;
  Barrier& bar = b.barriers[0];
  if (!bar.arrived) {
    bar.count = 0;
    bar.all = true;
    bar.any = false;
  }
  bar.count += predicate != 0;
  bar.all = bar.all && predicate;
  bar.any = bar.any || predicate;
  b.arrive(0, -1, true, at);
  const int result = kind == Reduce::kCount ? bar.count : kind == Reduce::kAnd ? bar.all : bar.any;
  b.arrive(0, -1, true, at);  // no thread may begin the next reduction before all have read this one
  return result;
}

void named_barrier(int id, int count, bool wait, Loc at) {
  if (id < 0 || id > 15 || count <= 0 || count % 32) {
    fail(at, "named barrier %d of %d threads: numbers are 0..15, counts multiples of 32", id, count);
  }
  current_block->arrive(id, count, wait, at);
}

}  // namespace simt
