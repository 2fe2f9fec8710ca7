// The predictions of a classifier for rows, computed by one or several ranks.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/sequences/labelled.h"
#include "model/model.h"
#include "optim/communicator.h"

namespace encore {

// Predicted label of each row, and (optionally) probabilities [n, labels], in the order of the rows. Batches are formed
// by length, without padding, and tokens_per_batch bounds the memory. comm: ranks that share the batches of a
// single-process run; every rank gets the whole result, bit for bit that of one process.
// done: told how many rows this rank has finished, after each of its batches.
std::vector<int32_t> classify(Model&, const ClassificationSet&, int64_t tokens_per_batch,
                              std::vector<float>* probabilities = nullptr, Communicator* comm = nullptr,
                              const std::function<void(int64_t rows)>& done = {});

}  // namespace encore
