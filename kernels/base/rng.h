// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and the keys of every draw.
//
// No generator has state. A draw is a pure function of
//   key      the run's seed (64 bits)
//   counter  word 0, 1   example key: epoch and index of the example (example_key below)
//            word 2      layer << 24 | site << 16 | head
//            word 3      block of positions; its form depends on the site:
//              attention     query_row/16 << 17 | key_column/32 << 5 | lane       (attention_block)
//              rows          position << 12 | column/8                            (row_block)
//              host draws    position
// so the number of ranks, micro-batches, packing and resuming cannot change a bit of it. These keys and the layouts
// below are fixed: another implementation of a kernel, and a run resumed by a later version, must draw the same bits.
//
// Attention: one draw serves 16 scores, arranged as the accumulators of mma.m16n8 hold them. With lane = 4g + t and
// output word o = 0..3, byte 2h + e of word o belongs to row 16R + g + 8h, column 32J + 8o + 2t + e. A score is kept
// iff its byte >= round(256 p); the scale is 256 / (256 - round(256 p)).
// Rows: one draw serves columns 8c .. 8c+7 of a row. Column 8c + i takes 16 bits: the low half of word i / 2 for even
// i, the high half for odd i. It is kept iff those bits >= round(65536 p); the scale is 65536 / (65536 - round(65536
// p)).
// Noise of a latent variable: one draw serves columns 4c .. 4c+3 of a row, as block c. Words 0 and 1 give columns 4c
// and 4c + 1, words 2 and 3 the other two, by the Box-Muller transform (normal_pair below). Its dropout follows the
// rule of rows, at position 0.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/base/host_device.h"

namespace encore {

enum class Site : uint32_t {
  kEmbedding = 1,
  kAttentionProbabilities = 2,
  kAttentionOutput = 3,
  kFeedForwardOutput = 4,
  kClassifierInput = 5,
  kClassifierHidden = 6,
  kLatentNoise = 7,    // VAMPIRE: the noise of z
  kLatentDropout = 8,  // VAMPIRE: dropout of z
  // Drawn on the host:
  kMasking = 16,      // which tokens (or words) are targets, and which of those are masked, replaced or left
  kReplacement = 17,  // the random id of a replaced token
  kOrder = 18,        // shuffling
  kHeldOut = 19,      // choice of held-out documents
  kInit = 20,         // initial weights
  kBootstrap = 21,    // rows of a resample (word 0, 1: the resample)
  kDsir = 22,         // Gumbel noise of a text (data/select/dsir)
  kChoice = 23,       // random order of texts to choose from (train/selection)
  kSubspace = 24,     // first subspace of a decomposition (data/select/near/lsa.h)
};

struct PhiloxDraw {
  uint32_t word[4];
};

ENCORE_HOST_DEVICE inline PhiloxDraw philox4x32(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t(0xD2511F53u) * c0;
    const uint64_t p1 = uint64_t(0xCD9E8D57u) * c2;
    const uint32_t n0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
    const uint32_t n2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c1 = uint32_t(p1);
    c3 = uint32_t(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Unique for epoch < 2^24 and index < 2^40.
ENCORE_HOST_DEVICE constexpr uint64_t example_key(uint64_t epoch, uint64_t index) {
  return epoch << 40 | index;
}

ENCORE_HOST_DEVICE constexpr uint32_t draw_site(uint32_t layer, Site site, uint32_t head = 0) {
  return layer << 24 | uint32_t(site) << 16 | head;
}
ENCORE_HOST_DEVICE constexpr uint32_t attention_block(uint32_t row16, uint32_t col32, uint32_t lane) {
  return row16 << 17 | col32 << 5 | lane;
}
ENCORE_HOST_DEVICE constexpr uint32_t row_block(uint32_t position, uint32_t col8) {
  return position << 12 | col8;
}

ENCORE_HOST_DEVICE inline PhiloxDraw draw(uint64_t seed, uint64_t example, uint32_t site, uint32_t block) {
  return philox4x32(seed, uint32_t(example), uint32_t(example >> 32), site, block);
}

// Thresholds of a dropout probability p: an element is dropped iff its bits < threshold.
inline uint32_t attention_dropout_threshold(float p) {
  return uint32_t(std::lround(256.0 * double(p)));
}
inline uint32_t row_dropout_threshold(float p) {
  return uint32_t(std::lround(65536.0 * double(p)));
}
inline float attention_dropout_scale(float p) {
  return float(256.0 / (256.0 - attention_dropout_threshold(p)));
}
inline float row_dropout_scale(float p) {
  return float(65536.0 / (65536.0 - row_dropout_threshold(p)));
}

// A uniform number in [0, 1) with 53 bits, for host-side draws.
inline double uniform(const PhiloxDraw& d, int pair = 0) {
  const uint64_t u = uint64_t(d.word[2 * pair]) << 32 | d.word[2 * pair + 1];
  return double(u >> 11) * 0x1.0p-53;
}

// Two independent normal numbers from two words of a draw (Box & Muller, 1958): radius sqrt(-2 ln u), u = (first + 1/2)
// / 2^32, and angle 2 pi second / 2^32. In double precision, so that host and device agree after rounding to float.
struct NormalPair {
  float first, second;
};
ENCORE_HOST_DEVICE inline NormalPair normal_pair(uint32_t first, uint32_t second) {
  const double radius = sqrt(-2.0 * log((double(first) + 0.5) * 0x1.0p-32));
  const double angle = 6.283185307179586477 * (double(second) * 0x1.0p-32);
  return {float(radius * cos(angle)), float(radius * sin(angle))};
}

}  // namespace encore
