// Barriers, shuffles, votes and warp reductions, by CUDA's names.
#pragma once

#include <simt/core.h>

#include <bit>
#include <type_traits>

inline constexpr int warpSize = 32;

inline void __syncthreads(SIMT_LOC) {
  simt::sync_threads(SIMT_HERE);
}
inline int __syncthreads_count(int p, SIMT_LOC) {
  return simt::sync_threads_reduce(p, simt::Reduce::kCount, SIMT_HERE);
}
inline int __syncthreads_and(int p, SIMT_LOC) {
  return simt::sync_threads_reduce(p, simt::Reduce::kAnd, SIMT_HERE);
}
inline int __syncthreads_or(int p, SIMT_LOC) {
  return simt::sync_threads_reduce(p, simt::Reduce::kOr, SIMT_HERE);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, SIMT_LOC) {
  simt::warp_collective(mask, "__syncwarp", simt::kOrdersMemory, nullptr, nullptr, SIMT_HERE);
}
inline unsigned __activemask() {
  return simt::active_mask();
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) {}

namespace simt {

template <class T>
struct ShuffleOperands {
  T in, out;
  int source;  // negative: the lane keeps its own value
  Loc loc;
};

template <class T>
T shuffle(uint32_t mask, const char* name, T value, int source, Loc loc) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8, "shuffles move 4 or 8 bytes");
  ShuffleOperands<T> mine{value, value, source, loc};
  warp_collective(
      mask, name, 0,
      [](void** lanes, uint32_t m) {
        for (int i = 0; i < 32; ++i) {
          if (!(m >> i & 1)) continue;
          auto* to = static_cast<ShuffleOperands<T>*>(lanes[i]);
          if (to->source < 0) continue;
          if (!(m >> to->source & 1)) {
            fail(to->loc, "lane %d shuffles from lane %d, which is not in mask %08x", i, to->source, m);
          }
          to->out = static_cast<ShuffleOperands<T>*>(lanes[to->source])->in;
        }
      },
      &mine, loc);
  return mine.out;
}

enum class Vote { kBallot, kAll, kAny };
struct VoteOperands {
  uint32_t in, out;
  Vote kind;
};
inline uint32_t vote(uint32_t mask, const char* name, bool predicate, Vote kind, Loc loc) {
  VoteOperands mine{predicate, 0, kind};
  warp_collective(
      mask, name, 0,
      [](void** lanes, uint32_t m) {
        uint32_t ballot = 0;
        for (int i = 0; i < 32; ++i) {
          if (m >> i & 1) ballot |= static_cast<VoteOperands*>(lanes[i])->in << i;
        }
        for (int i = 0; i < 32; ++i) {
          if (!(m >> i & 1)) continue;
          auto* v = static_cast<VoteOperands*>(lanes[i]);
          v->out = v->kind == Vote::kBallot ? ballot : v->kind == Vote::kAll ? ballot == m : ballot != 0;
        }
      },
      &mine, loc);
  return mine.out;
}

template <class T, class F>
T warp_reduce(uint32_t mask, const char* name, T value, F, Loc loc) {
  static_assert(std::is_integral_v<T> && sizeof(T) == 4, "__reduce_*_sync takes int or unsigned");
  T mine = value;
  warp_collective(
      mask, name, 0,
      [](void** lanes, uint32_t m) {
        const int first = std::countr_zero(m);
        T r = *static_cast<T*>(lanes[first]);
        for (int i = first + 1; i < 32; ++i) {
          if (m >> i & 1) r = F{}(r, *static_cast<T*>(lanes[i]));
        }
        for (int i = 0; i < 32; ++i) {
          if (m >> i & 1) *static_cast<T*>(lanes[i]) = r;
        }
      },
      &mine, loc);
  return mine;
}

}  // namespace simt

template <class T>
T __shfl_sync(unsigned mask, T v, int source, int width = 32, SIMT_LOC) {
  const int lane = int(simt::lane_id());
  return simt::shuffle(mask, "__shfl_sync", v, (lane & ~(width - 1)) | (source & (width - 1)), SIMT_HERE);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T v, int bits, int width = 32, SIMT_LOC) {
  const int lane = int(simt::lane_id()), source = lane ^ bits;
  return simt::shuffle(mask, "__shfl_xor_sync", v, source > (lane | (width - 1)) ? -1 : source, SIMT_HERE);
}
template <class T>
T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32, SIMT_LOC) {
  const int lane = int(simt::lane_id()), source = lane + int(delta);
  return simt::shuffle(mask, "__shfl_down_sync", v, source > (lane | (width - 1)) ? -1 : source, SIMT_HERE);
}
template <class T>
T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32, SIMT_LOC) {
  const int lane = int(simt::lane_id()), source = lane - int(delta);
  return simt::shuffle(mask, "__shfl_up_sync", v, source < (lane & ~(width - 1)) ? -1 : source, SIMT_HERE);
}
inline unsigned __ballot_sync(unsigned mask, int p, SIMT_LOC) {
  return simt::vote(mask, "__ballot_sync", p, simt::Vote::kBallot, SIMT_HERE);
}
inline int __all_sync(unsigned mask, int p, SIMT_LOC) {
  return int(simt::vote(mask, "__all_sync", p, simt::Vote::kAll, SIMT_HERE));
}
inline int __any_sync(unsigned mask, int p, SIMT_LOC) {
  return int(simt::vote(mask, "__any_sync", p, simt::Vote::kAny, SIMT_HERE));
}
template <class T>
T __reduce_add_sync(unsigned mask, T v, SIMT_LOC) {
  return simt::warp_reduce(
      mask, "__reduce_add_sync", v, [](T a, T b) { return T(a + b); }, SIMT_HERE);
}
template <class T>
T __reduce_max_sync(unsigned mask, T v, SIMT_LOC) {
  return simt::warp_reduce(
      mask, "__reduce_max_sync", v, [](T a, T b) { return a > b ? a : b; }, SIMT_HERE);
}
template <class T>
T __reduce_min_sync(unsigned mask, T v, SIMT_LOC) {
  return simt::warp_reduce(
      mask, "__reduce_min_sync", v, [](T a, T b) { return a < b ? a : b; }, SIMT_HERE);
}
template <class T>
T __reduce_or_sync(unsigned mask, T v, SIMT_LOC) {
  return simt::warp_reduce(
      mask, "__reduce_or_sync", v, [](T a, T b) { return T(a | b); }, SIMT_HERE);
}
