// What this processor is good at.
#pragma once

namespace encore::cpu {

// Are bf16 products faster than fp32 products here? They need AVX512_BF16; but Intel's cores multiply bf16 quickly in
// their tiles (AMX) alone: where a hypervisor or an older core leaves those out, vdpbf16ps is the slower way
// (docs/performance.md has both rates).
bool fast_bf16();

}  // namespace encore::cpu
