// The log likelihood of bags of words (kernels/ops/bag_likelihood.h). The reconstruction has a row a word: the first
// kernel takes the statistics of a word over its row and a partial softmax over the block's words, the second finishes
// the softmax of a document and adds up its entries, the third writes the gradient, word by word.
#pragma once

#include "kernels/cuda/rows/sums.cuh"

namespace encore::cuda {

// Word c of document r has y = (x[c][r] - shift[c]) rstd[c] + bias[c].
struct BagMatrix {
  float* x;  // [words][ld]
  int64_t ld, words, documents;
  const float* bias;
  float *shift, *rstd;  // [words]
};

struct BatchNormArgs {
  const float* background;
  float *running_mean, *running_variance;
  float eps, momentum;
  bool training;
};

// Partial softmax over the words of block i: [blocks][documents].
struct BagSoftmax {
  float *largest, *sums;
  int64_t count, words_per_block;
};

struct BagDocuments {
  const int32_t *row_start, *column;
  const float* value;
  float *log_likelihood, *lse, *weight;  // [documents]; weight: of the softmax in dy
  float scale;                           // of log_likelihood in the loss
};

struct BagGradientArgs {
  const int32_t *word_start, *document;
  const float* value;
  const float *lse, *weight;
  float scale;
  float* dbias;
};

inline constexpr int kWordThreads = 256, kWordWarps = kWordThreads / 32;
inline constexpr int kHeldDocuments = 4;  // of a thread
inline constexpr int64_t kMostDocuments = kWordThreads * kHeldDocuments;

struct BagWords {
  float shift[kWordWarps], rstd[kWordWarps], bias[kWordWarps];
};

// Rounded once in every kernel: where a document's words have all the weight, y and lse cancel exactly.
__device__ __forceinline__ float y_of(float x, float shift, float rstd, float bias) {
  return fmaf(x - shift, rstd, bias);
}

// The shift and rstd of word w; a lane has the documents lane, lane + 32, ... Every lane gets them.
__device__ __forceinline__ void word_statistics(const BagMatrix& a, const BatchNormArgs& n, int64_t w, float& shift,
                                                float& rstd) {
  const int lane = int(threadIdx.x) % 32;
  if (!n.training) {
    shift = n.running_mean[w] - n.background[w];
    rstd = 1.f / sqrtf(n.running_variance[w] + n.eps);
    return;
  }
  const float* const x = a.x + w * a.ld;
  float sum = 0, squares = 0;
  for (int64_t r = lane; r < a.documents; r += 32) sum += x[r];
  const float mean = warp_sum(sum) / float(a.documents);
  for (int64_t r = lane; r < a.documents; r += 32) squares += (x[r] - mean) * (x[r] - mean);
  squares = warp_sum(squares);
  shift = mean;
  rstd = 1.f / sqrtf(squares / float(a.documents) + n.eps);
  if (lane > 0) return;
  n.running_mean[w] += n.momentum * (mean + n.background[w] - n.running_mean[w]);
  n.running_variance[w] += n.momentum * (squares / float(a.documents - 1) - n.running_variance[w]);
}

// REQUIRES: documents <= kMostDocuments.
// Warps: a block has words_per_block words, eight at a time: a warp has the statistics of one of them, then a thread
// the
//   documents t, t + 256, ... of all eight.
// Shared memory: shift, rstd and bias of the eight words.
// Pipeline: two barriers for eight words. The softmax reads what the statistics have just brought into the cache.
// Invariants: the partial softmax of a document stays in one thread's registers and is taken in the order of the words;
//   it starts at -inf, whose exponential is not taken.
// Numbers: kHeldDocuments documents a thread serve batches of 1,024, twice VAMPIRE's largest.
__global__ void __launch_bounds__(kWordThreads) bag_statistics_kernel(BagMatrix a, BatchNormArgs n, BagSoftmax s) {
  auto& shared = static_smem<BagWords>();
  const int warp = int(threadIdx.x) / 32;
  const int64_t begin = int64_t(blockIdx.x) * s.words_per_block, past = begin + s.words_per_block;
  const int64_t end = past < a.words ? past : a.words;
  float largest[kHeldDocuments], sum[kHeldDocuments] = {};
#pragma unroll
  for (int k = 0; k < kHeldDocuments; ++k) largest[k] = -INFINITY;
  for (int64_t first = begin; first < end; first += kWordWarps) {
    if (const int64_t w = first + warp; w < end) {
      float shift, rstd;
      word_statistics(a, n, w, shift, rstd);
      if (threadIdx.x % 32 == 0) {
        shared.shift[warp] = shift, shared.rstd[warp] = rstd, shared.bias[warp] = a.bias[w];
        a.shift[w] = shift, a.rstd[w] = rstd;
      }
    }
    __syncthreads();
    for (int64_t w = first; w < first + kWordWarps && w < end; ++w) {
      const float shift = shared.shift[w - first], rstd = shared.rstd[w - first], bias = shared.bias[w - first];
#pragma unroll
      for (int k = 0; k < kHeldDocuments; ++k) {
        const int64_t r = threadIdx.x + k * kWordThreads;
        if (r >= a.documents) continue;
        const float y = y_of(a.x[w * a.ld + r], shift, rstd, bias);
        const float top = y > largest[k] ? y : largest[k];
        sum[k] = (largest[k] == top ? sum[k] : sum[k] * expf(largest[k] - top)) + expf(y - top);
        largest[k] = top;
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int k = 0; k < kHeldDocuments; ++k) {
    const int64_t r = threadIdx.x + k * kWordThreads;
    if (r >= a.documents) continue;
    s.largest[blockIdx.x * a.documents + r] = largest[k];
    s.sums[blockIdx.x * a.documents + r] = sum[k];
  }
}

// Warps: a warp has a document: its lanes share the partial softmax, then the entries.
// Shared memory: none.
// Pipeline: none.
// Invariants: sums of entries and of the softmax are doubles, in an order that depends on the counts alone.
// Numbers: an entry's element of x is a read of 32 bytes by itself; a batch has some ten thousand of them, under 1 % of
//   what the other two kernels move.
__global__ void __launch_bounds__(kWordThreads) bag_documents_kernel(BagMatrix a, BagSoftmax s, BagDocuments d) {
  const int lane = int(threadIdx.x) % 32;
  const int64_t r = int64_t(blockIdx.x) * kWordWarps + int(threadIdx.x) / 32;
  if (r >= a.documents) return;
  const auto over_warp = [](double v) {
#pragma unroll
    for (int bit = 16; bit > 0; bit /= 2) v += __shfl_xor_sync(0xffffffffu, v, bit);
    return v;
  };
  float largest = -INFINITY;
  for (int64_t i = lane; i < s.count; i += 32) largest = fmaxf(largest, s.largest[i * a.documents + r]);
#pragma unroll
  for (int bit = 16; bit > 0; bit /= 2) largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, bit));
  double sum = 0;
  for (int64_t i = lane; i < s.count; i += 32)
    sum += double(s.sums[i * a.documents + r] * expf(s.largest[i * a.documents + r] - largest));
  const float lse = float(double(largest) + log(over_warp(sum)));
  double likelihood = 0, values = 0;
  for (int32_t e = d.row_start[r] + lane; e < d.row_start[r + 1]; e += 32) {
    const int64_t w = d.column[e];
    const float y = y_of(a.x[w * a.ld + r], a.shift[w], a.rstd[w], a.bias[w]);
    likelihood += double(d.value[e]) * (double(y) - double(lse));
    values += double(d.value[e]);
  }
  likelihood = over_warp(likelihood), values = over_warp(values);
  if (lane > 0) return;
  d.log_likelihood[r] = float(likelihood), d.lse[r] = lse, d.weight[r] = float(-double(d.scale) * values);
}

// Warps: a warp has a word; a lane the documents lane, lane + 32, ...
// Shared memory: none.
// Pipeline: dy and its sums over the documents, the word's entries; once the warp has read them, dy again and the
//   gradient of the reconstruction.
// Invariants: the entries of a word stand in the order of the documents (bags.h): the second pass goes through them in
//   step with its lane, as it rises.
// Numbers: the row of a word is 2 KB for 512 documents and comes from the first-level cache the second time; the
//   exponential is taken twice, which costs less than a place for it.
__global__ void __launch_bounds__(kWordThreads) bag_gradient_kernel(BagMatrix a, BagGradientArgs g) {
  const int lane = int(threadIdx.x) % 32;
  const int64_t w = int64_t(blockIdx.x) * kWordWarps + int(threadIdx.x) / 32;
  if (w >= a.words) return;
  float* const x = a.x + w * a.ld;
  const float shift = a.shift[w], rstd = a.rstd[w], bias = a.bias[w];
  float sum = 0, product = 0;
  for (int64_t r = lane; r < a.documents; r += 32) {
    const float normal = (x[r] - shift) * rstd, d = expf(normal + bias - g.lse[r]) * g.weight[r];
    sum += d, product += d * normal;
  }
  const int32_t begin = g.word_start[w], end = g.word_start[w + 1];
  for (int32_t e = begin + lane; e < end; e += 32) {
    const float d = g.scale * g.value[e];
    sum += d, product += d * ((x[g.document[e]] - shift) * rstd);
  }
  sum = warp_sum(sum), product = warp_sum(product);
  __syncwarp();  // the sums order no memory: an entry's element of x is another lane's to overwrite
  if (lane == 0) g.dbias[w] += sum;
  const float mean = sum / float(a.documents), slope = product / float(a.documents);
  int32_t e = begin;
  for (int64_t r = lane; r < a.documents; r += 32) {
    const float normal = (x[r] - shift) * rstd;
    float d = expf(normal + bias - g.lse[r]) * g.weight[r];
    for (; e < end && g.document[e] <= r; ++e)
      if (g.document[e] == r) d += g.scale * g.value[e];
    x[r] = (d - mean - normal * slope) * rstd;
  }
}

}  // namespace encore::cuda
