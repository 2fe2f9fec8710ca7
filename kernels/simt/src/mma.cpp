// ldmatrix and mma.sync: the last lane of the warp computes for all 32.
#include <src/block.h>
#include <src/fragments.h>

#include <algorithm>
#include <cstring>
#include <device/ldmatrix.cuh>
#include <device/mma.cuh>

namespace simt {
namespace {

struct LoadOperands {
  uint32_t* registers;
  uint32_t row;
  int matrices;
  bool transpose;
  Loc loc;
};

void load_matrices(void** lanes, uint32_t) {
  Block& b = *current_block;
  const auto& first = *static_cast<LoadOperands*>(lanes[0]);
  const unsigned char* rows[32];
  ++b.stats.ldmatrix;
  for (int i = 0; i < 8 * first.matrices; ++i) {
    const auto& lane = *static_cast<LoadOperands*>(lanes[i]);
    if (lane.row % 16) fail(lane.loc, "ldmatrix: row address %#x of lane %d is not 16-byte aligned", lane.row, i);
    rows[i] = b.shared_at(lane.row, 16, lane.loc);
  }
  for (int j = 0; j < first.matrices; ++j) {
    int rows_of_bank[8] = {}, worst = 0;
    for (int r = 0; r < 8; ++r) {
      worst = std::max(worst, ++rows_of_bank[static_cast<LoadOperands*>(lanes[8 * j + r])->row / 16 % 8]);
    }
    ++b.stats.ldmatrix_phases;
    b.stats.ldmatrix_conflicts += uint64_t(worst - 1);
    for (int i = 0; i < 32; ++i) {
      uint16_t pair[2];
      for (int e = 0; e < 2; ++e) {
        const int row = first.transpose ? 2 * (i % 4) + e : i / 4, column = first.transpose ? i / 4 : 2 * (i % 4) + e;
        std::memcpy(&pair[e], rows[8 * j + row] + 2 * column, 2);
      }
      static_cast<LoadOperands*>(lanes[i])->registers[j] = pair[0] | uint32_t(pair[1]) << 16;
    }
  }
}

struct MmaOperands {
  float* d;
  const uint32_t* a;
  uint32_t b0, b1;
};

void multiply(void** lanes, uint32_t) {
  float a[16][16], b[16][8], d[16][8];
  for (int i = 0; i < 32; ++i) {
    const auto& lane = *static_cast<MmaOperands*>(lanes[i]);
    const int g = i / 4, t = i % 4;
    unpack_a(a, i, lane.a);
    b[2 * t][g] = low_bf16(lane.b0);
    b[2 * t + 1][g] = high_bf16(lane.b0);
    b[2 * t + 8][g] = low_bf16(lane.b1);
    b[2 * t + 9][g] = high_bf16(lane.b1);
    for (int e = 0; e < 4; ++e) d[g + 8 * (e / 2)][2 * t + e % 2] = lane.d[e];
  }
  for (int r = 0; r < 16; ++r) {
    for (int k = 0; k < 16; ++k) {
      for (int c = 0; c < 8; ++c) d[r][c] += a[r][k] * b[k][c];
    }
  }
  for (int i = 0; i < 32; ++i) {
    for (int e = 0; e < 4; ++e) {
      static_cast<MmaOperands*>(lanes[i])->d[e] = d[i / 4 + 8 * (e / 2)][2 * (i % 4) + e % 2];
    }
  }
  Block& block = *current_block;
  ++block.stats.mma;
  block.stats.mma_flops += 2 * 16 * 8 * 16;
}

}  // namespace

void ldmatrix(uint32_t* registers, int matrices, bool transpose, uint32_t row, Loc at) {
  Block& b = *current_block;
  // Each lane names a row, and its own clock must order the writes to that row before the load.
  if (b.race && int(b.current->lane) < 8 * matrices && row % 16 == 0) {
    b.race->access(b.shared_at(row, 16, at), 16, false, false, site_of(at));
  }
  LoadOperands mine{registers, row, matrices, transpose, at};
  warp_collective(~0u, transpose ? "ldmatrix.trans" : "ldmatrix", kFullWarp, load_matrices, &mine, at);
}

void mma_m16n8k16_bf16(float* d, const uint32_t* a, uint32_t b0, uint32_t b1, Loc at) {
  MmaOperands mine{d, a, b0, b1};
  warp_collective(~0u, "mma.sync", kFullWarp, multiply, &mine, at);
}

}  // namespace simt
