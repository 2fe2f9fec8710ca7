// Element types, and bfloat16 with round-to-nearest-even.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/base/check.h"

namespace encore {

enum class DType : uint8_t { kF32, kF64, kBF16, kF16, kI32, kI64, kU64, kU8 };

constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32: return 4;
    case DType::kBF16:
    case DType::kF16: return 2;
    case DType::kF64:
    case DType::kI64:
    case DType::kU64: return 8;
    case DType::kU8: return 1;
  }
  return 0;
}

constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::kF32: return "fp32";
    case DType::kF64: return "fp64";
    case DType::kBF16: return "bf16";
    case DType::kF16: return "fp16";
    case DType::kI32: return "i32";
    case DType::kI64: return "i64";
    case DType::kU64: return "u64";
    case DType::kU8: return "u8";
  }
  return "?";
}

// Storage form of a bfloat16: the upper half of an IEEE binary32.
struct bf16 {
  uint16_t bits;
};

constexpr float to_float(bf16 x) {
  return std::bit_cast<float>(uint32_t(x.bits) << 16);
}
constexpr float to_float(float x) {
  return x;
}

// Nearest even; a NaN stays a (quiet) NaN.
constexpr bf16 to_bf16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {uint16_t((u >> 16) | 0x40u)};
  return {uint16_t((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

template <class T>
constexpr T from_float(float x) {
  if constexpr (sizeof(T) == 2)
    return to_bf16(x);
  else
    return x;
}

template <class T>
inline constexpr DType dtype_of = DType::kU8;
template <>
inline constexpr DType dtype_of<float> = DType::kF32;
template <>
inline constexpr DType dtype_of<double> = DType::kF64;
template <>
inline constexpr DType dtype_of<bf16> = DType::kBF16;
template <>
inline constexpr DType dtype_of<int32_t> = DType::kI32;
template <>
inline constexpr DType dtype_of<int64_t> = DType::kI64;
template <>
inline constexpr DType dtype_of<uint64_t> = DType::kU64;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::kU8;

// dispatch_float(x.dtype, [&]<class T>() { ... }): T is float or bf16.
template <class F>
decltype(auto) dispatch_float(DType dtype, F&& f) {
  if (dtype == DType::kF32) return f.template operator()<float>();
  check(dtype == DType::kBF16, "dtype {} is not a float type that ops serve", name_of(dtype));
  return f.template operator()<bf16>();
}

}  // namespace encore
