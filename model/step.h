// The context in which modules run over one micro-batch.
#pragma once

#include <functional>

#include "kernels/backend.h"
#include "kernels/base/arena.h"
#include "model/device_batch.h"

namespace encore {

struct Step {
  Backend& backend;
  Arena& scratch;
  const DeviceBatch& batch;
  uint64_t seed = 0;
  bool dropout = false;
  // Called during the backward pass with the element of the flat buffer from which on the gradients are final.
  const std::function<void(int64_t)>* gradients_final = nullptr;

  // The number of rows, or of read rows, that are not spare; absent: none is (kernels/ops/live_rows.h).
  const Tensor& live(bool read_rows) const { return read_rows ? batch.live_read : batch.live; }
  float p(float probability) const { return dropout ? probability : 0.0f; }
  RowDropout row_dropout(float probability, int layer, Site site, const RowKeys& rows) const {
    if (p(probability) == 0) return {};
    return {.p = probability, .seed = seed, .site = draw_site(uint32_t(layer), site), .rows = rows};
  }
};

// Releases, at its end, the scratch tensors that were taken during its life.
class ScratchScope {
 public:
  explicit ScratchScope(Arena& arena) : arena_(arena), mark_(arena.mark()) {}
  ~ScratchScope() { arena_.release(mark_); }
  ScratchScope(const ScratchScope&) = delete;
  ScratchScope& operator=(const ScratchScope&) = delete;

 private:
  Arena& arena_;
  size_t mark_;
};

// The rows that an encoder layer reads and the rows that it computes.
struct LayerRows {
  int64_t tokens = 0;   // T: rows of the input, all of them keys and values
  int64_t queries = 0;  // R: rows of the output; T unless subset
  bool subset = false;  // the R rows are the batch's read rows (last layer)
};

}  // namespace encore
