// One vector a row: the last layer's hidden states, pooled over the row's tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "data/sequences/labelled.h"
#include "model/model.h"
#include "optim/communicator.h"

namespace encore {

// The header of a .npy file of fp32, [rows, cols]. It ends with at least kNpyMark spaces, which NumPy's own headers of
// two dimensions never do: this tells embed's files from others.
constexpr int kNpyMark = 64;
std::string npy_header(int64_t rows, int64_t cols);

// Gives the vectors of the rows, as bytes of fp32 [rows, hidden] and in order, to `take` on rank 0, some batches at a
// time. mean: over all tokens, specials too; else the first token's. tokens_per_batch: at least the longest row.
void embed(Model&, const ClassificationSet&, int64_t tokens_per_batch, bool mean, Communicator&,
           const std::function<void(const std::string& vectors)>& take);

}  // namespace encore
