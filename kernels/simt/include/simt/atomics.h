// Atomics: relaxed, device scope, as CUDA's. They are real atomics, since blocks may run on several OS threads.
#pragma once

#include <simt/core.h>

#include <bit>
#include <type_traits>

namespace simt {

template <class T, class F>
inline T read_modify_write(T* p, F update, Loc loc) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "atomics are 4 or 8 bytes wide");
  using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  if (reinterpret_cast<uintptr_t>(p) % sizeof(T)) fail(loc, "atomic at misaligned address %p", (const void*)p);
  note_atomic(p, sizeof(T), loc);
  auto* bits = reinterpret_cast<Bits*>(p);
  Bits seen = __atomic_load_n(bits, __ATOMIC_RELAXED);
  for (;;) {
    const T next = update(std::bit_cast<T>(seen));
    if (__atomic_compare_exchange_n(bits, &seen, std::bit_cast<Bits>(next), true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      return std::bit_cast<T>(seen);
    }
  }
}

}  // namespace simt

template <class T>
T atomicAdd(T* p, std::type_identity_t<T> v, SIMT_LOC) {
  return simt::read_modify_write(
      p, [v](T old) { return T(old + v); }, SIMT_HERE);
}
template <class T>
T atomicSub(T* p, std::type_identity_t<T> v, SIMT_LOC) {
  return simt::read_modify_write(
      p, [v](T old) { return T(old - v); }, SIMT_HERE);
}
template <class T>
T atomicMax(T* p, std::type_identity_t<T> v, SIMT_LOC) {
  return simt::read_modify_write(
      p, [v](T old) { return old > v ? old : v; }, SIMT_HERE);
}
template <class T>
T atomicMin(T* p, std::type_identity_t<T> v, SIMT_LOC) {
  return simt::read_modify_write(
      p, [v](T old) { return old < v ? old : v; }, SIMT_HERE);
}
template <class T>
T atomicOr(T* p, std::type_identity_t<T> v, SIMT_LOC) {
  return simt::read_modify_write(
      p, [v](T old) { return T(old | v); }, SIMT_HERE);
}
template <class T>
T atomicAnd(T* p, std::type_identity_t<T> v, SIMT_LOC) {
  return simt::read_modify_write(
      p, [v](T old) { return T(old & v); }, SIMT_HERE);
}
template <class T>
T atomicExch(T* p, std::type_identity_t<T> v, SIMT_LOC) {
  return simt::read_modify_write(
      p, [v](T) { return v; }, SIMT_HERE);
}
template <class T>
T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> v, SIMT_LOC) {
  return simt::read_modify_write(
      p, [expected, v](T old) { return old == expected ? v : old; }, SIMT_HERE);
}
