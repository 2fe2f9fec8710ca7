// What differs between the versions of oneDNN that are served: 2.6 (Debian 12) and 3.7 (Debian 13). Nothing else in the
// project asks for the version of a library or a compiler.
//
// Version 3.7 names more instruction sets. It has more packed formats, for AMX too; they are asked for as in version 2
// (the weights are of format_tag::any). Its blocked kernels misread two kinds of matrices.
#pragma once

#include <cstddef>
#include <dnnl.hpp>
#include <string_view>

namespace encore::cpu {

#if DNNL_VERSION_MAJOR >= 3

// What oneDNN keeps of one of its blocked kernels, and of another, with the holes that it leaves in the heap. Measured.
inline constexpr size_t kBlockedBytes = size_t(104) << 10, kOtherBytes = size_t(8) << 10;

// Products that the blocked kernels (brgemm) of 3.7 compute wrongly, since they take the one row of a, or the one
// column of c, for elements that lie side by side: tests/kernels/matmul_test.cpp.
inline bool misread_by_blocked_kernels(const dnnl::memory::desc& a, const dnnl::memory::desc& c) {
  const bool row_with_gaps = a.get_dims()[0] == 1 && a.get_strides()[1] != 1;
  const bool column_with_gaps = c.get_dims()[1] == 1 && c.get_strides()[0] != 1;
  return row_with_gaps || column_with_gaps;
}

#else

inline constexpr size_t kBlockedBytes = size_t(48) << 10, kOtherBytes = size_t(8) << 10;

#endif

// The matrix product c = a b (+ bias, if it is not the empty description).
inline dnnl::matmul::primitive_desc matmul_description(const dnnl::engine& engine, const dnnl::memory::desc& a,
                                                       const dnnl::memory::desc& b, const dnnl::memory::desc& bias,
                                                       const dnnl::memory::desc& c,
                                                       const dnnl::primitive_attr& attributes) {
  const bool with_bias = bias != dnnl::memory::desc();
#if DNNL_VERSION_MAJOR >= 3
  using Description = dnnl::matmul::primitive_desc;
  Description chosen =
      with_bias ? Description(engine, a, b, bias, c, attributes) : Description(engine, a, b, c, attributes);
  if (misread_by_blocked_kernels(a, c))
    while (std::string_view(chosen.impl_info_str()).starts_with("brg"))
      if (!chosen.next_impl()) throw dnnl::error(dnnl_unimplemented, "no kernel for a single row or column with gaps");
  return chosen;
#else
  using Operation = dnnl::matmul::desc;
  return {with_bias ? Operation(a, b, bias, c) : Operation(a, b, c), attributes, engine};
#endif
}

// The instruction set that oneDNN uses on this machine, by its own name: "avx512_core_bf16".
inline const char* onednn_isa_name() {
  switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: return "sse41";
    case dnnl_cpu_isa_avx: return "avx";
    case dnnl_cpu_isa_avx2: return "avx2";
    case dnnl_cpu_isa_avx2_vnni: return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core: return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni: return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16: return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx: return "avx512_core_amx";
#if DNNL_VERSION_MAJOR >= 3
    case dnnl_cpu_isa_avx2_vnni_2: return "avx2_vnni_2";
    case dnnl_cpu_isa_avx512_core_fp16: return "avx512_core_fp16";
    case dnnl_cpu_isa_avx512_core_amx_fp16: return "avx512_core_amx_fp16";
#endif
    default: return "an instruction set that this program has no name for";
  }
}

}  // namespace encore::cpu
