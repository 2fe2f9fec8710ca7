// What a classifier predicts for rows, shared out among ranks.
#pragma once

#include <cstdint>
#include <vector>

#include "data/sequences/labelled.h"
#include "model/model.h"
#include "optim/communicator.h"

namespace encore {

// Predicted label of each row, and (optionally) probabilities [n, labels], in the order of the rows. Batches are made
// by length, so nothing is padded and memory is bounded by tokens_per_batch. comm: ranks that share the batches, which
// are those of one process; every rank gets the whole result, to the bit that of one process.
std::vector<int32_t> classify(Model&, const ClassificationSet&, int64_t tokens_per_batch,
                              std::vector<float>* probabilities = nullptr, Communicator* comm = nullptr);

}  // namespace encore
