// wgmma m64nNk16 (sm_90a), N = 64, 128 or 256: a warpgroup of 128 threads multiplies bf16 tiles held in shared memory
// (A also in registers) into fp32 accumulators, asynchronously. The order is wgmma_fence, products, wgmma_commit,
// wgmma_wait; between a product and its wait, its accumulators, its A registers and its tiles must not be touched.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <device/fence.cuh>

// Operand lists of inline assembly cannot be made by templates.
#define ENCORE_WGMMA_D8(d, i)                                                                                 \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), \
      "+f"(d[i + 7])
#define ENCORE_WGMMA_D32_AT(d, i) \
  ENCORE_WGMMA_D8(d, i), ENCORE_WGMMA_D8(d, i + 8), ENCORE_WGMMA_D8(d, i + 16), ENCORE_WGMMA_D8(d, i + 24)
#define ENCORE_WGMMA_D32(d) ENCORE_WGMMA_D32_AT(d, 0)
#define ENCORE_WGMMA_D64(d) ENCORE_WGMMA_D32_AT(d, 0), ENCORE_WGMMA_D32_AT(d, 32)
#define ENCORE_WGMMA_D128(d) ENCORE_WGMMA_D64(d), ENCORE_WGMMA_D32_AT(d, 64), ENCORE_WGMMA_D32_AT(d, 96)

namespace ptx {

// On other architectures the kernels by wgmma have empty bodies, and are never launched.
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr bool kHasWgmma = true;
#else
inline constexpr bool kHasWgmma = false;
#endif

// A shared-memory matrix in 128-byte swizzle: rows of 128 bytes, eight of them an atom of 1024 bytes.
// K-major (64 elements of k a row): stride_bytes = distance of 8-row atoms along m or n; leading_bytes unused. The next
// 16 elements of k are 32 bytes further in the address.
// MN-major (64 elements of n a row): leading_bytes = distance of 64-element groups along n, stride_bytes = distance of
// atoms along k. (CUTLASS's comment in mma_traits_sm90_gmma.hpp.)
__device__ __forceinline__ uint64_t wgmma_descriptor_swizzle128(uint32_t address, uint32_t leading_bytes,
                                                                uint32_t stride_bytes) {
  return uint64_t(address & 0x3ffff) >> 4 | uint64_t((leading_bytes & 0x3ffff) >> 4) << 16 |
         uint64_t((stride_bytes & 0x3ffff) >> 4) << 32 | uint64_t(1) << 62;
}

// D[64,N] = A[64,16] B[16,N] + (accumulate ? D : 0). With thread 32w + 4g + t of the warpgroup:
// d[4j + 2h + e] = D[16w + g + 8h][8j + 2t + e]. A is K-major; B is K-major ([N,16]), or MN-major with kTransposeB = 1.
template <int N, int kTransposeB>
__device__ __forceinline__ void wgmma_m64k16_ss(float (&d)[N / 2], uint64_t a, uint64_t b, bool accumulate) {
  static_assert(N == 64 || N == 128 || N == 256);
  if constexpr (N == 64) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %34, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
        "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,"
        "%27,%28,%29,%30,%31"
        "}, %32, %33, p, 1, 1, 0, %35; }"
        : ENCORE_WGMMA_D32(d)
        : "l"(a), "l"(b), "r"(int(accumulate)), "n"(kTransposeB));
  } else if constexpr (N == 128) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %66, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
        "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,"
        "%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,"
        "%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
        "}, %64, %65, p, 1, 1, 0, %67; }"
        : ENCORE_WGMMA_D64(d)
        : "l"(a), "l"(b), "r"(int(accumulate)), "n"(kTransposeB));
  } else {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %130, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
        "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,"
        "%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,"
        "%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,"
        "%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,"
        "%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,"
        "%121,%122,%123,%124,%125,%126,%127"
        "}, %128, %129, p, 1, 1, 0, %131; }"
        : ENCORE_WGMMA_D128(d)
        : "l"(a), "l"(b), "r"(int(accumulate)), "n"(kTransposeB));
  }
}
// The same with A in registers: warp w's 16 rows as mma_m16n8k16_bf16 holds them.
template <int N, int kTransposeB>
__device__ __forceinline__ void wgmma_m64k16_rs(float (&d)[N / 2], const uint32_t (&a)[4], uint64_t b,
                                                bool accumulate) {
  static_assert(N == 64 || N == 128 || N == 256);
  if constexpr (N == 64) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %37, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
        "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,"
        "%27,%28,%29,%30,%31"
        "}, {%32,%33,%34,%35}, %36, p, 1, 1, %38; }"
        : ENCORE_WGMMA_D32(d)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(int(accumulate)), "n"(kTransposeB));
  } else if constexpr (N == 128) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %69, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
        "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,"
        "%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,"
        "%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
        "}, {%64,%65,%66,%67}, %68, p, 1, 1, %70; }"
        : ENCORE_WGMMA_D64(d)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(int(accumulate)), "n"(kTransposeB));
  } else {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %133, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
        "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,"
        "%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,"
        "%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,"
        "%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,"
        "%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,"
        "%121,%122,%123,%124,%125,%126,%127"
        "}, {%128,%129,%130,%131}, %132, p, 1, 1, %134; }"
        : ENCORE_WGMMA_D128(d)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(int(accumulate)), "n"(kTransposeB));
  }
}

// Before the first product, and after the accumulators or A registers were touched by other instructions.
__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
// The compiler takes accumulators for ready, and registers of A for free, as soon as a product is issued. Pin them
// before wgmma_fence, so that they are written before it, and after wgmma_wait, so that they are read or reused only
// after it (CUTLASS's warpgroup_fence_operand).
__device__ __forceinline__ void wgmma_pin(float& r) {
  asm volatile("" : "+f"(r)::"memory");
}
__device__ __forceinline__ void wgmma_pin(uint32_t& r) {
  asm volatile("" : "+r"(r)::"memory");
}
template <class T, int N>
__device__ __forceinline__ void wgmma_pin(T (&registers)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) wgmma_pin(registers[i]);
}
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
// Waits until at most N groups are in flight.
template <int N>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}
// Moves registers between warpgroups. ptxas ignores it unless __launch_bounds__ gives blocks per multiprocessor too.
template <int N>
__device__ __forceinline__ void setmaxnreg_increase() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}
template <int N>
__device__ __forceinline__ void setmaxnreg_decrease() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

}  // namespace ptx

#undef ENCORE_WGMMA_D128
#undef ENCORE_WGMMA_D64
#undef ENCORE_WGMMA_D32
#undef ENCORE_WGMMA_D32_AT
#undef ENCORE_WGMMA_D8
