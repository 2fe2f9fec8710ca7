// Masked softmax cross-entropy over gathered rows (kernels/ops/cross_entropy.h).
//
// A block takes rows one after another. A row is read once, stays in the registers of the block, and its gradient is
// written over it; the gradient's column sums for dbias, taken before rounding, lie in shared memory and what registers
// are left (cross_entropy_rows_kernel). That serves every bf16 vocabulary up to 53,248 whose padded rows are whole
// 16-byte words, where a block may have 192 KiB of shared memory (Hopper). Wider rows and large ones of fp32 do not
// fit: a block has one row, in shared memory where it fits (cross_entropy_kernel), and with dbias the gradient is a
// second kernel over column tiles, which reads the logits again (cross_entropy_gradient_kernel).
#pragma once

#include <device/mma.cuh>

#include "kernels/cuda/reduce.cuh"

namespace encore::cuda {

template <class T>
struct CrossEntropyArgs {
  Rows<T> logits;
  Rows<const float> bias;  // data null: absent
  const int32_t* labels;
  const int32_t* live;  // rows from *live on have no label; null: all rows have one
  const float* grad_scale;
  float* row_loss;
  float *row_max, *row_scale;  // out: largest logit, 1 / sum of exponentials
  int32_t* row_correct;        // out
  float* parts;                // column sums of blocks of rows; null: not wanted
  int64_t rows, cols, classes, rows_per_block;
  bool gradient;
};

template <class T>
__device__ __forceinline__ int32_t label_of(const CrossEntropyArgs<T>& a, int64_t r) {
  return r < live_rows(a.live, a.rows) ? a.labels[r] : -1;
}

struct Best {
  float value;
  int32_t index;
};
// The larger, of equals the first.
__device__ __forceinline__ Best better(Best a, Best b) {
  return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}

template <int kWarps>
struct CrossEntropyShared {
  Best best[kWarps];
  float most[kWarps];
  float of_label;
  int beaten;  // some column before the label has the same logit
};

// Adds the bias to the logits of the unit at column c; what is not there counts for nothing: -inf. Returns how many
// are.
template <class T>
__device__ __forceinline__ int add_bias(const CrossEntropyArgs<T>& a, int64_t c, float (&u)[kUnit]) {
  const int n = int(a.classes - c);
  if (a.bias.data && n > 0) {
    float bias[kUnit];
    load_unit(a.bias.data + c, n, a.bias.wide, bias);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) u[i] += bias[i];
  }
  if (n < kUnit) {
#pragma unroll
    for (int i = 0; i < kUnit; ++i)
      if (i >= n) u[i] = -INFINITY;
  }
  return n;
}
template <class T>
__device__ __forceinline__ int biased_unit(const CrossEntropyArgs<T>& a, const T* row, bool wide, int64_t c,
                                           float (&u)[kUnit]) {
  load_unit(row + c, int(a.classes - c), wide, u);
  return add_bias(a, c, u);
}

template <int kThreads>
__device__ __forceinline__ Best block_best(Best mine, Best* shared) {
#pragma unroll
  for (int bit = 16; bit > 0; bit /= 2)
    mine = better(mine, {__shfl_xor_sync(0xffffffffu, mine.value, bit), __shfl_xor_sync(0xffffffffu, mine.index, bit)});
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = mine;
  __syncthreads();
  Best best = shared[0];
#pragma unroll
  for (int w = 1; w < kThreads / 32; ++w) best = better(best, shared[w]);
  return best;
}

template <int kThreads>
__device__ __forceinline__ float block_most(float mine, float* shared) {
#pragma unroll
  for (int bit = 16; bit > 0; bit /= 2) mine = fmaxf(mine, __shfl_xor_sync(0xffffffffu, mine, bit));
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = mine;
  __syncthreads();
  float most = shared[0];
#pragma unroll
  for (int w = 1; w < kThreads / 32; ++w) most = fmaxf(most, shared[w]);
  return most;
}

// A row whose label is negative: no loss, no gradient, whatever its logits hold.
template <class T, int kThreads>
__device__ __forceinline__ void ignore_row(const CrossEntropyArgs<T>& a, int64_t r) {
  if (threadIdx.x == 0) a.row_loss[r] = 0, a.row_correct[r] = 0, a.row_max[r] = 0, a.row_scale[r] = 0;
  if (!a.gradient) return;
  for (int64_t c = int64_t(threadIdx.x) * kUnit; c < a.cols; c += kThreads * kUnit)
    store_zeros(a.logits.row(r) + c, int(a.cols - c), a.logits.wide);
}

// Adds the unit's gradient to its column sums: in shared memory, thread beside thread, or in registers.
__device__ __forceinline__ void add_parked(float4* parked, const float (&u)[kUnit], int threads) {
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const float4 sum = parked[i * threads];
    parked[i * threads] =
        make_float4(sum.x + u[4 * i], sum.y + u[4 * i + 1], sum.z + u[4 * i + 2], sum.w + u[4 * i + 3]);
  }
}

// exp for what is rounded to bf16 anyway, and for fp32.
template <class T>
__device__ __forceinline__ float exponential(float x) {
  return sizeof(T) == 2 ? ptx::exp2_approx(1.44269504f * x) : expf(x);
}

// Largest logit and sum of exponentials of the units a thread has met, relative to it; and which unit had it first.
struct RunningSum {
  float most, sum;
  int unit;
  template <class T>
  __device__ __forceinline__ void add(const float (&u)[kUnit], int k) {
    const float largest =
        fmaxf(fmaxf(fmaxf(u[0], u[1]), fmaxf(u[2], u[3])), fmaxf(fmaxf(u[4], u[5]), fmaxf(u[6], u[7])));
    const float before = most;
    if (largest > most) most = largest, unit = k;
    const float offset = most == -INFINITY ? 0.f : most;
    float e[kUnit];
#pragma unroll
    for (int i = 0; i < kUnit; ++i) e[i] = exponential<T>(u[i] - offset);
    sum = sum * exponential<T>(before - offset) + (((e[0] + e[1]) + (e[2] + e[3])) + ((e[4] + e[5]) + (e[6] + e[7])));
  }
};

// A thread has the units thread + k kThreads of every row, and their column sums: of the first kParked units in
// dynamic shared memory, of the others in registers. kWhole: rows are whole 16-byte words, padding included. REQUIRES:
// cols <= 8 kThreads kUnits.
template <class T, int kThreads, int kUnits, int kParked, bool kWhole>
__global__ void __launch_bounds__(kThreads) cross_entropy_rows_kernel(CrossEntropyArgs<T> a) {
  auto& shared = static_smem<CrossEntropyShared<kThreads / 32>>();
  float4* const parked = kParked > 0 ? dynamic_smem<float4>() + threadIdx.x : nullptr;
  const int begin = int(blockIdx.x) * int(a.rows_per_block);
  const int end = begin + int(a.rows_per_block) < int(a.rows) ? begin + int(a.rows_per_block) : int(a.rows);
  const float factor = a.gradient ? *a.grad_scale : 0.f;
  float sums[kUnits - kParked][kUnit] = {};
  if (a.parts) {
#pragma unroll
    for (int k = 0; k < 2 * kParked; ++k) parked[k * kThreads] = make_float4(0, 0, 0, 0);
  }
  int turn = 0;
  for (int r = begin; r < end; ++r) {
    const int32_t label = label_of(a, r);
    if (label < 0) {
      ignore_row<T, kThreads>(a, r);
      continue;
    }
    T* const row = a.logits.row(r);
    Packed<T> held[kUnits];
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
      held[k] = load_packed(static_cast<const T*>(row) + c, kWhole ? (c < int(a.cols) ? kUnit : 0) : int(a.classes) - c,
                            kWhole || a.logits.wide);
    }
    if (threadIdx.x == 0) shared.beaten = 0;
    // Two chains, so that one's exponentials hide the other's.
    RunningSum running[2] = {{-INFINITY, 0, 0}, {-INFINITY, 0, 0}};
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
      if (c >= int(a.classes)) continue;
      float u[kUnit];
      unpack(held[k], u);
      add_bias(a, c, u);
      if (unsigned(label - c) < unsigned(kUnit)) {
#pragma unroll
        for (int i = 0; i < kUnit; ++i)
          if (c + i == label) shared.of_label = u[i];
      }
      running[k % 2].template add<T>(u, k);
    }
    const float mine = fmaxf(running[0].most, running[1].most);
    const float most = block_most<kThreads>(mine, shared.most);
    const float of_label = shared.of_label, offset = most == -INFINITY ? 0.f : most;
    float sum[1] = {0};
#pragma unroll
    for (int i = 0; i < 2; ++i) sum[0] += running[i].sum * exponential<T>(running[i].most - offset);
    // Of equal largest logits the first counts.
    if (of_label == most && mine == most) {
#pragma unroll
      for (int k = 0; k < kUnits; ++k) {
        const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
        if (c > label || running[k % 2].most != most || running[k % 2].unit != k) continue;
        float u[kUnit];
        unpack(held[k], u);
        add_bias(a, c, u);
#pragma unroll
        for (int i = 0; i < kUnit; ++i)
          if (c + i < label && u[i] == most) shared.beaten = 1;
      }
    }
    block_sums<kThreads>(sum, turn);
    turn ^= 1;
    if (threadIdx.x == 0) {
      a.row_loss[r] = logf(sum[0]) + (most - of_label);
      a.row_correct[r] = of_label == most && !shared.beaten;
    }
    if (!a.gradient) continue;
    const float scale = 1.f / sum[0] * factor;
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
      if (c >= int(a.cols)) continue;
      float u[kUnit];
      unpack(held[k], u);
      add_bias(a, c, u);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) u[i] = exponential<T>(u[i] - most) * scale;
      if (unsigned(label - c) < unsigned(kUnit)) {
#pragma unroll
        for (int i = 0; i < kUnit; ++i)
          if (c + i == label) u[i] -= factor;
      }
      store_unit(row + c, kWhole ? kUnit : int(a.cols) - c, kWhole || a.logits.wide, u);
      if (!a.parts) continue;
      if (k < kParked) {
        add_parked(parked + 2 * k * kThreads, u, kThreads);
      } else {
#pragma unroll
        for (int i = 0; i < kUnit; ++i) sums[k < kParked ? 0 : k - kParked][i] += u[i];
      }
    }
  }
  if (!a.parts) return;
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
    if (c >= int(a.classes)) continue;
    float* const part = a.parts + int64_t(blockIdx.x) * a.classes + c;
    if (k < kParked) {
      const float4 low = parked[2 * k * kThreads], high = parked[(2 * k + 1) * kThreads];
      const float u[kUnit] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
      store_unit(part, int(a.classes) - c, a.classes % 4 == 0, u);
    } else {
      store_unit(part, int(a.classes) - c, a.classes % 4 == 0, sums[k < kParked ? 0 : k - kParked]);
    }
  }
}

// kStaged: the row fits in dynamic shared memory, 8-element units side by side; a thread reads there what it wrote.
template <class T, int kThreads, bool kStaged>
__global__ void __launch_bounds__(kThreads) cross_entropy_kernel(CrossEntropyArgs<T> a) {
  auto& shared = static_smem<CrossEntropyShared<kThreads / 32>>();
  T* const staged = kStaged ? dynamic_smem<T>() : nullptr;
  const int64_t r = blockIdx.x;
  const int32_t label = label_of(a, r);
  if (label < 0) return ignore_row<T, kThreads>(a, r);
  T* const row = a.logits.row(r);
  const int64_t first = int64_t(threadIdx.x) * kUnit;
  Best mine{-INFINITY, 0x7fffffff};
  for (int64_t c = first; c < a.classes; c += kThreads * kUnit) {
    if constexpr (kStaged) {
      const Packed<T> unit = load_packed(row + c, int(a.classes - c), a.logits.wide);
#pragma unroll
      for (int i = 0; i < int(sizeof(T) / 2); ++i) reinterpret_cast<uint4*>(staged + c)[i] = unit.word[i];
    }
    float u[kUnit];
    biased_unit(a, kStaged ? staged : row, kStaged || a.logits.wide, c, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) {
      mine = better(mine, {u[i], int32_t(c) + i});
      if (int32_t(c) + i == label) shared.of_label = u[i];
    }
  }
  const Best best = block_best<kThreads>(mine, shared.best);
  float sum[1] = {0};
  for (int64_t c = first; c < a.classes; c += kThreads * kUnit) {
    float u[kUnit];
    const int n = biased_unit(a, kStaged ? staged : row, kStaged || a.logits.wide, c, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i)
      if (i < n) sum[0] += expf(u[i] - best.value);
  }
  block_sums<kThreads>(sum, 0);
  const float scale = 1.f / sum[0];
  if (threadIdx.x == 0) {
    a.row_loss[r] = logf(sum[0]) + (best.value - shared.of_label);
    a.row_correct[r] = best.index == label;
    a.row_max[r] = best.value, a.row_scale[r] = scale;
  }
  if (!a.gradient) return;
  const float factor = *a.grad_scale;
  for (int64_t c = first; c < a.cols; c += kThreads * kUnit) {
    float u[kUnit];
    const int n = biased_unit(a, kStaged ? staged : row, kStaged || a.logits.wide, c, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i)
      u[i] = i < n ? (expf(u[i] - best.value) * scale - (int32_t(c) + i == label ? 1.f : 0.f)) * factor : 0.f;
    store_unit(row + c, int(a.cols - c), a.logits.wide, u);
  }
}

// The gradient over the logits, and its column sums over the block's rows.
template <class T>
__global__ void __launch_bounds__(kTileThreads) cross_entropy_gradient_kernel(CrossEntropyArgs<T> a) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int64_t c = int64_t(blockIdx.x) * kTileColumns + lane * kUnit;
  const int64_t begin = int64_t(blockIdx.y) * a.rows_per_block;
  const int64_t end = begin + a.rows_per_block < a.rows ? begin + a.rows_per_block : a.rows;
  const float factor = *a.grad_scale;
  float sums[kUnit] = {};
  if (c < a.cols) {
    for (int64_t r = begin + warp; r < end; r += kTileWarps) {
      const int32_t label = label_of(a, r);
      const float most = a.row_max[r], scale = a.row_scale[r];
      float u[kUnit];
      const int n = biased_unit(a, static_cast<const T*>(a.logits.row(r)), a.logits.wide, c, u);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) {
        u[i] = i < n && label >= 0 ? (expf(u[i] - most) * scale - (int32_t(c) + i == label ? 1.f : 0.f)) * factor : 0.f;
        sums[i] += u[i];
      }
      store_unit(a.logits.row(r) + c, int(a.cols - c), a.logits.wide, u);
    }
  }
  tile_sums(sums);
  if (warp == 0 && c < a.classes)
    store_unit(a.parts + int64_t(blockIdx.y) * a.classes + c, int(a.classes - c), a.classes % 4 == 0, sums);
}

struct LossTile {
  float loss[256];
  int32_t correct[256];
};
// One block: the losses added in rising order by one thread, from tiles that all of them load.
__global__ void __launch_bounds__(256)
    add_losses_kernel(const float* row_loss, const int32_t* row_correct, int64_t rows, double* loss, int64_t* correct) {
  LossTile& tile = static_smem<LossTile>();
  double total = 0;
  int64_t right = 0;
  if (threadIdx.x == 0) total = *loss;
  for (int64_t begin = 0; begin < rows; begin += 256) {
    const int64_t r = begin + threadIdx.x;
    tile.loss[threadIdx.x] = r < rows ? row_loss[r] : 0.f;
    tile.correct[threadIdx.x] = r < rows ? row_correct[r] : 0;
    __syncthreads();
    if (threadIdx.x == 0) {
      for (int i = 0; i < 256 && begin + i < rows; ++i) total += double(tile.loss[i]), right += tile.correct[i];
    }
    __syncthreads();
  }
  if (threadIdx.x > 0) return;
  *loss = total;
  if (correct) *correct += right;
}

}  // namespace encore::cuda
