// What the products of a linear layer take beside their tensors, found by making their kernels.
#pragma once

#include "kernels/ops/matmul.h"

namespace encore::cpu {

// The kernels are made and dropped again: about 0.3 ms for each. Throws Error naming what oneDNN said.
LinearMemory linear_memory(const LinearShape&, int threads);

}  // namespace encore::cpu
