#include <src/block.h>
#include <src/fragments.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <device/wgmma.cuh>

namespace simt {
namespace {

Accumulator* accumulator(Thread& t, float* registers) {
  for (Accumulator& a : t.accumulators) {
    if (a.registers == registers) return &a;
  }
  return nullptr;
}

// Address of element (row of m or n, k) in a tile of 128-byte swizzle; see wgmma_descriptor_swizzle128.
uint32_t element_address(uint64_t descriptor, bool mn_major, int mn, int k) {
  const uint32_t base = uint32_t(descriptor & 0x3fff) << 4, leading = uint32_t(descriptor >> 16 & 0x3fff) << 4,
                 stride = uint32_t(descriptor >> 32 & 0x3fff) << 4;
  const uint32_t a = mn_major ? base + uint32_t(mn / 64) * leading + uint32_t(k / 8) * stride + uint32_t(k % 8) * 128 +
                                    uint32_t(mn % 64) * 2
                              : base + uint32_t(mn / 8) * stride + uint32_t(mn % 8) * 128 + uint32_t(k) * 2;
  return a ^ (a >> 7 & 7) << 4;
}

float element(Block& b, uint64_t descriptor, bool mn_major, int mn, int k, Loc at) {
  uint16_t bits;
  std::memcpy(&bits, b.shared_at(element_address(descriptor, mn_major, mn, k), 2, at), 2);
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

int first_row(const Warp& w) {
  return int(w.index % 4) * 16;
}

// The element of the warp's 16 rows that register e of lane i's accumulator holds.
int row_of(int i, int e) {
  return i / 4 + 8 * (e / 2 % 2);
}
int column_of(int i, int e) {
  return 8 * (e / 4) + 2 * (i % 4) + e % 2;
}

void perform(Block& b, Warp& w, WgmmaInFlight& op) {
  static thread_local float a[16][16], bm[16][256], d[16][256];
  for (int i = 0; i < 32 && op.a[0]; ++i) unpack_a(a, i, op.a[i]);
  for (int r = 0; r < 16; ++r) {
    for (int k = 0; k < 16 && !op.a[0]; ++k) a[r][k] = element(b, op.descriptor_a, false, first_row(w) + r, k, op.loc);
  }
  for (int k = 0; k < 16; ++k) {
    for (int c = 0; c < op.n; ++c) bm[k][c] = element(b, op.descriptor_b, op.transpose_b, c, k, op.loc);
  }
  for (int i = 0; i < 32; ++i) {
    const auto& values = accumulator(w.first[i], op.d[i])->values;
    for (int e = 0; e < op.n / 2; ++e) d[row_of(i, e)][column_of(i, e)] = op.accumulate ? values[size_t(e)] : 0.0f;
  }
  for (int r = 0; r < 16; ++r) {
    for (int k = 0; k < 16; ++k) {
      for (int c = 0; c < op.n; ++c) d[r][c] += a[r][k] * bm[k][c];
    }
  }
  for (int i = 0; i < 32; ++i) {
    auto& values = accumulator(w.first[i], op.d[i])->values;
    for (int e = 0; e < op.n / 2; ++e) values[size_t(e)] = d[row_of(i, e)][column_of(i, e)];
  }
  op.performed = true;
}

// Performs a warp's products in the order of issue.
void perform_all(Block& b, Warp& w) {
  for (auto& group : w.product_groups) {
    for (WgmmaInFlight& op : group) {
      if (!op.performed) perform(b, w, op);
    }
  }
  for (WgmmaInFlight& op : w.products) {
    if (!op.performed) perform(b, w, op);
  }
}

void record_reads(Block& b, Warp& w, const WgmmaInFlight& op) {
  auto read = [&](uint64_t descriptor, bool mn_major, int mn, int k) {  // 8 neighbouring elements
    b.race->engine_access(w.first->actor, kBulkEngine, op.epoch,
                          b.shared_at(element_address(descriptor, mn_major, mn, k), 16, op.loc), 16, false,
                          site_of(op.loc));
  };
  for (int r = 0; r < 16 && !op.a[0]; ++r) {
    for (int k = 0; k < 16; k += 8) read(op.descriptor_a, false, first_row(w) + r, k);
  }
  for (int c = 0; c < op.n; c += op.transpose_b ? 8 : 1) {
    for (int k = 0; k < 16; k += op.transpose_b ? 1 : 8) read(op.descriptor_b, op.transpose_b, c, k);
  }
}

struct IssueOperands {
  const WgmmaOperands* o;
  Thread* thread;
  Loc loc;
};

void issue(void** lanes, uint32_t) {
  Block& b = *current_block;
  const auto& first = *static_cast<IssueOperands*>(lanes[0]);
  Warp& w = *first.thread->warp;
  const WgmmaOperands& o = *first.o;
  if (b.options.arch != 90) fail(first.loc, "wgmma needs sm_90a");
  if (!w.fenced) fail(first.loc, "wgmma without wgmma_fence since the registers were last touched");
  if ((!o.a && o.descriptor_a >> 62 != 1) || o.descriptor_b >> 62 != 1) {
    fail(first.loc, "wgmma: the descriptor is not one of 128-byte swizzle");
  }
  WgmmaInFlight op{};
  op.descriptor_a = o.descriptor_a;
  op.descriptor_b = o.descriptor_b;
  op.n = o.n;
  op.accumulate = o.accumulate;
  op.transpose_b = o.transpose_b;
  op.loc = first.loc;
  for (int i = 0; i < 32; ++i) {
    const auto& lane = *static_cast<IssueOperands*>(lanes[i]);
    if (lane.o->descriptor_a != o.descriptor_a || lane.o->descriptor_b != o.descriptor_b ||
        lane.o->accumulate != o.accumulate) {
      fail(lane.loc, "wgmma: lanes 0 and %d give different descriptors or accumulate flags", i);
    }
    op.d[i] = lane.o->d;
    op.a[i] = lane.o->a;
    Accumulator* acc = accumulator(*lane.thread, op.d[i]);
    if (!acc) {
      lane.thread->accumulators.push_back({op.d[i], std::vector<float>(op.d[i], op.d[i] + o.n / 2), 0});
      acc = &lane.thread->accumulators.back();
      if (b.options.poison) std::fill_n(op.d[i], o.n / 2, std::bit_cast<float>(0x7fc07fc0u));
    }
    ++acc->in_flight;
  }
  if (b.race) {
    op.epoch = b.race->issue(w.first->actor, kBulkEngine);
    record_reads(b, w, op);
  }
  ++b.stats.wgmma;
  b.stats.wgmma_flops += uint64_t(2 * 16 * 16 * o.n);
  ++w.wgmma_count;
  w.wgmma_at = first.loc;
  w.products.push_back(op);
  if (b.options.async == Async::kEarly || (b.options.async == Async::kRandom && b.random() & 1)) perform_all(b, w);
}

struct WaitOperands {
  Warp* warp;
  int groups;
};

void wait(void** lanes, uint32_t) {
  Block& b = *current_block;
  const auto& o = *static_cast<WaitOperands*>(lanes[0]);
  Warp& w = *o.warp;
  while (int(w.product_groups.size()) > o.groups) {
    for (WgmmaInFlight& op : w.product_groups.front()) {
      if (!op.performed) perform(b, w, op);
      for (int i = 0; i < 32; ++i) {
        --accumulator(w.first[i], op.d[i])->in_flight;
        if (b.race) b.race->waited(w.first[i].actor, kBulkEngine, op.epoch);
      }
    }
    w.product_groups.erase(w.product_groups.begin());
  }
  for (int i = 0; i < 32; ++i) {
    std::erase_if(w.first[i].accumulators, [](const Accumulator& a) {
      if (!a.in_flight) std::copy(a.values.begin(), a.values.end(), a.registers);
      return a.in_flight == 0;
    });
  }
  w.fenced = false;
}

}  // namespace

void wgmma(const WgmmaOperands& o, Loc at) {
  IssueOperands mine{&o, current_block->current, at};
  warp_collective(~0u, "wgmma", kFullWarp, issue, &mine, at);
}

void wgmma_fence(Loc at) {
  warp_collective(
      ~0u, "wgmma_fence", kFullWarp, [](void** lanes, uint32_t) { static_cast<Warp*>(lanes[0])->fenced = true; },
      current_block->current->warp, at);
}

void wgmma_commit(Loc at) {
  warp_collective(
      ~0u, "wgmma_commit", kFullWarp,
      [](void** lanes, uint32_t) {
        Warp& w = *static_cast<Warp*>(lanes[0]);
        w.product_groups.push_back(std::move(w.products));
        w.products.clear();
      },
      current_block->current->warp, at);
}

void wgmma_wait(int groups_in_flight, Loc at) {
  WaitOperands mine{current_block->current->warp, groups_in_flight};
  warp_collective(~0u, "wgmma_wait", kFullWarp, wait, &mine, at);
}

}  // namespace simt
