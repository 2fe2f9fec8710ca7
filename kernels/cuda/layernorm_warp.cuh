// LayerNorm (kernels/ops/layernorm.h) of bf16 rows of whole 16-byte words, at most 1,024 columns: a warp has a row, and
// loads its next row while it computes, so that no barrier is in the loop.
#pragma once

#include <device/early_launch.cuh>

#include "kernels/cuda/layernorm.cuh"

namespace encore::cuda {

// A lane's part of a row: units lane, lane + 32, ...
template <class T, int kUnits>
struct HeldRow {
  Packed<T> unit[kUnits];
};
template <class T, int kUnits>
__device__ __forceinline__ void hold_row(HeldRow<T, kUnits>& held, const Rows<const T>& rows, int64_t r, bool there,
                                         int lane, int cols) {
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int c = (lane + 32 * k) * kUnit;
    held.unit[k] = load_packed(rows.row(r) + c, there && c < cols ? kUnit : 0, true);
  }
}
// gamma, beta and bias lie in shared memory as fp32: the first four columns of every unit, then the other four, so that
// lanes that read 16 bytes of neighbouring units meet different banks.
template <int kUnits>
constexpr int kVectorFloats = 32 * kUnits* kUnit;
template <int kUnits>
__device__ __forceinline__ void share_vector(float4* shared, const Rows<const float>& v, int threads, int cols) {
  for (int unit = int(threadIdx.x); unit < 32 * kUnits; unit += threads) {
    float x[kUnit];
    load_unit(v.data + unit * kUnit, v.data && unit * kUnit < cols ? kUnit : 0, v.wide, x);
#pragma unroll
    for (int h = 0; h < 2; ++h)
      shared[h * 32 * kUnits + unit] = make_float4(x[4 * h], x[4 * h + 1], x[4 * h + 2], x[4 * h + 3]);
  }
}
template <int kUnits>
__device__ __forceinline__ void shared_unit(const float4* shared, int unit, float (&x)[kUnit]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const float4 v = shared[h * 32 * kUnits + unit];
    x[4 * h] = v.x, x[4 * h + 1] = v.y, x[4 * h + 2] = v.z, x[4 * h + 3] = v.w;
  }
}

inline constexpr int kForwardWarps = 4;
inline constexpr int kForwardBlocksPerMultiprocessor = 5;

// REQUIRES: cols <= 256 kUnits, whole units; every row of x, residual, sum and y starts at a multiple of 16 bytes.
// Warps: every warp takes rows by itself: warp w of the grid the rows w, w + warps, ...; a lane has the units lane,
//   lane + 32, ...
// Shared memory: gamma, beta, bias (dynamic, 12 kVectorFloats bytes), written once before the only barrier.
// Pipeline: the next row's loads are issued after this row's are used up, before its reductions.
// Invariants: sum may lie over x; where nothing is added to x then, sum is not written again.
// Numbers: with three units a lane (768 columns) 94 registers let five blocks of four warps reside on a multiprocessor,
//   and the grid has as many; with four units four reside (bench/kernels/cost.md). 2.54 TB/s on an H100
//   (docs/performance.md).
template <class T, int kUnits>
__global__ void __launch_bounds__(32 * kForwardWarps, kUnits < 4 ? 5 : 4)
    layernorm_forward_warp_kernel(LayerNormForwardArgs<T> a) {
  const int lane = int(threadIdx.x) % 32, cols = int(a.cols);
  const int64_t live = live_rows(a.live, a.rows), stride = int64_t(gridDim.x) * kForwardWarps;
  float4 *const gamma = dynamic_smem<float4>(), *const beta = gamma + kVectorFloats<kUnits> / 4,
                *const bias = beta + kVectorFloats<kUnits> / 4;
  share_vector<kUnits>(gamma, a.gamma, 32 * kForwardWarps, cols);
  share_vector<kUnits>(beta, a.beta, 32 * kForwardWarps, cols);
  share_vector<kUnits>(bias, a.bias, 32 * kForwardWarps, cols);
  // Where sum lies over x and nothing is added, memory holds the sum already.
  const bool unchanged = a.sum.data == a.x.data && !a.bias.data && !a.residual.data && a.draws.threshold == 0;
  HeldRow<T, kUnits> next_x, next_residual;
  RowDraw next_draw;
  const auto fetch = [&](int64_t r) {
    hold_row(next_x, a.x, r, r < live, lane, cols);
    hold_row(next_residual, a.residual, r, r < live && a.residual.data, lane, cols);
    next_draw = r < live ? draws_of_row(a.draws, r) : RowDraw{0, 0};
  };
  int64_t r = int64_t(blockIdx.x) * kForwardWarps + int(threadIdx.x) / 32;
  fetch(r);
  __syncthreads();
  for (; r < a.rows; r += stride) {
    float x[kUnits][kUnit];
    float sum = 0;
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      float residual[kUnit];
      unpack(next_x.unit[k], x[k]);
      unpack(next_residual.unit[k], residual);
      if (a.bias.data) {
        float of[kUnit];
        shared_unit<kUnits>(bias, lane + 32 * k, of);
#pragma unroll
        for (int i = 0; i < kUnit; ++i) x[k][i] += of[i];
      }
      drop(a.draws, next_draw, lane + 32 * k, x[k]);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) {
        x[k][i] += residual[i];
        sum += x[k][i];
      }
    }
    fetch(r + stride);
    const float mean = warp_sum(sum) / float(cols);
    float squares = 0;
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      if ((lane + 32 * k) * kUnit >= cols) continue;
#pragma unroll
      for (int i = 0; i < kUnit; ++i) squares += (x[k][i] - mean) * (x[k][i] - mean);
    }
    const bool counts = r < live;
    const float rstd = counts ? 1.f / sqrtf(warp_sum(squares) / float(cols) + a.eps) : 0.f;
    if (lane == 0) a.mean[r] = counts ? mean : 0.f, a.rstd[r] = rstd;
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int c = (lane + 32 * k) * kUnit;
      if (c >= cols) continue;
      if (!counts) {
        store_zeros(a.sum.row(r) + c, kUnit, true);
        store_zeros(a.y.row(r) + c, kUnit, true);
        continue;
      }
      if (!unchanged) store_unit(a.sum.row(r) + c, kUnit, true, x[k]);
      float g[kUnit], b[kUnit];
      shared_unit<kUnits>(gamma, lane + 32 * k, g);
      shared_unit<kUnits>(beta, lane + 32 * k, b);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) x[k][i] = (x[k][i] - mean) * rstd * g[i] + b[i];
      store_unit(a.y.row(r) + c, kUnit, true, x[k]);
    }
  }
}

inline constexpr int kBackwardWarps = 8;

// REQUIRES: as the forward kernel, of dy, sum, dsum and dx.
// Warps: a block has rows_per_block rows, warp w of it the rows w, w + 8, ...; a lane keeps dgamma, dbeta and dbias of
//   its columns in registers; at the end all threads add up the warps' sums in their order.
// Shared memory: gamma (dynamic), and behind it the warps' sums, kBackwardWarps * sums * cols floats.
// Pipeline: the next row's dy and sum are in flight while a row's gradient is computed. The launch that adds the parts
//   up may start once all blocks have come to their own sums (allow_next_launch).
// Invariants: a sum's order depends on rows, rows_per_block and kBackwardWarps alone. dsum may lie over dy.
// Numbers: one block of eight warps a multiprocessor, since a lane holds two rows and three sums in up to 235 registers
//   (bench/kernels/cost.md). A warp a row without a barrier took an H200 from 1.65 to 2.77 TB/s (docs/performance.md).
template <class T, int kUnits>
__global__ void __launch_bounds__(32 * kBackwardWarps, 1) layernorm_backward_warp_kernel(LayerNormBackwardArgs<T> a) {
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32, cols = int(a.cols);
  const int64_t begin = int64_t(blockIdx.x) * a.rows_per_block;
  const int64_t last = begin + a.rows_per_block < a.rows ? begin + a.rows_per_block : a.rows;
  const int64_t live = live_rows(a.live, a.rows), end = live < last ? live : last;
  const bool branch = a.dx.data || a.sums == 3;
  float dgamma[kUnits][kUnit] = {}, dbeta[kUnits][kUnit] = {}, dbias[kUnits][kUnit] = {};
  float4* const gamma = dynamic_smem<float4>();
  share_vector<kUnits>(gamma, a.gamma, 32 * kBackwardWarps, cols);
  HeldRow<T, kUnits> next_dy, next_sum;
  Moments next_moments;
  RowDraw next_draw;
  const auto fetch = [&](int64_t r) {
    const bool there = r < end;
    hold_row(next_dy, a.dy, r, there, lane, cols);
    hold_row(next_sum, a.sum, r, there, lane, cols);
    next_moments = there ? Moments{a.mean[r], a.rstd[r]} : Moments{0, 0};
    next_draw = there ? draws_of_row(a.draws, r) : RowDraw{0, 0};
  };
  fetch(begin + warp);
  __syncthreads();
  for (int64_t r = begin + warp; r < end; r += kBackwardWarps) {
    const HeldRow<T, kUnits> dy = next_dy, sum = next_sum;
    const Moments m = next_moments;
    const RowDraw keys = next_draw;
    fetch(r + kBackwardWarps);
    float of_g = 0, of_gx = 0;
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      float g[kUnit], s[kUnit];
      unpack(dy.unit[k], g);
      unpack(sum.unit[k], s);
      float scale[kUnit];
      shared_unit<kUnits>(gamma, lane + 32 * k, scale);
      gradient_terms(g, s, scale, m, of_g, of_gx);
    }
    const float mean_g = warp_sum(of_g) / float(cols), mean_gx = warp_sum(of_gx) / float(cols);
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int c = (lane + 32 * k) * kUnit;
      if (c >= cols) continue;
      float g[kUnit], s[kUnit];
      unpack(dy.unit[k], g);
      unpack(sum.unit[k], s);
      float scale[kUnit];
      shared_unit<kUnits>(gamma, lane + 32 * k, scale);
      gradient_of_sum(g, s, scale, m, mean_g, mean_gx, dgamma[k], dbeta[k]);
      if (a.dsum.data) store_unit(a.dsum.row(r) + c, kUnit, true, g);
      if (!branch) continue;
      drop(a.draws, keys, lane + 32 * k, g);
      if (a.dx.data) store_unit(a.dx.row(r) + c, kUnit, true, g);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) dbias[k][i] += g[i];
    }
  }
  for (int64_t r = (begin > live ? begin : live) + warp; r < last; r += kBackwardWarps)
    for (int c = lane * kUnit; c < cols; c += 32 * kUnit) {
      if (a.dsum.data) store_zeros(a.dsum.row(r) + c, kUnit, true);
      if (a.dx.data) store_zeros(a.dx.row(r) + c, kUnit, true);
    }
  float* const shared = dynamic_smem<float>() + kVectorFloats<kUnits>;
  const auto put = [&](int s, const float(&x)[kUnits][kUnit]) {
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int c = (lane + 32 * k) * kUnit;
      if (c < cols) store_unit(shared + (warp * a.sums + s) * cols + c, kUnit, true, x[k]);
    }
  };
  put(0, dgamma);
  put(1, dbeta);
  if (a.sums == 3) put(2, dbias);
  ptx::allow_next_launch();
  __syncthreads();
  for (int i = int(threadIdx.x); i < a.sums * cols; i += 32 * kBackwardWarps) {
    float total = shared[i];
    for (int w = 1; w < kBackwardWarps; ++w) total += shared[w * a.sums * cols + i];
    a.parts[int64_t(blockIdx.x) * a.sums * cols + i] = total;
  }
}

}  // namespace encore::cuda
