// Properties of this processor.
#pragma once

namespace encore::cpu {

// True if the processor has bf16 products (AVX512_BF16) and ENCORE_ISA allows them.
bool multiplies_bf16();

// True if bf16 products are faster than fp32 products here. They need AVX512_BF16, and on Intel AMX as well: without
// its tiles, on an older core or under a hypervisor that hides them, vdpbf16ps is slower than fp32 (docs/performance.md
// has both rates).
bool fast_bf16();

}  // namespace encore::cpu
