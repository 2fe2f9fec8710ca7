// What differs between the versions of oneDNN that are served: 2.6 (Debian 12) and 3.7 (Debian 13). Nothing else in the
// project asks for a version of a library or a compiler.
//
// The same calls serve both otherwise. oneDNN 3 names more instruction sets (AMX-FP16, AVX10), and its own packed
// formats are asked for as in version 2 (format_tag::any for the weights).
#pragma once

#include <dnnl.hpp>

namespace encore::cpu {

// The matrix product c = a b (+ bias, if it is not the empty description).
inline dnnl::matmul::primitive_desc matmul_description(const dnnl::engine& engine, const dnnl::memory::desc& a,
                                                       const dnnl::memory::desc& b, const dnnl::memory::desc& bias,
                                                       const dnnl::memory::desc& c,
                                                       const dnnl::primitive_attr& attributes) {
  const bool with_bias = bias != dnnl::memory::desc();
#if DNNL_VERSION_MAJOR >= 3
  using Description = dnnl::matmul::primitive_desc;
  return with_bias ? Description(engine, a, b, bias, c, attributes) : Description(engine, a, b, c, attributes);
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
