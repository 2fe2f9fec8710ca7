#include "kernels/ops/cross_entropy.h"

#include <cstring>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/cross_entropy.h"

namespace encore {
void CpuBackend::cross_entropy(const CrossEntropy& a) {
  const int64_t rows = a.logits.rows, classes = a.classes, stride = cpu::padded(classes);
  const int32_t* labels = a.labels.ptr<int32_t>();
  check(classes <= cpu::kMaxClasses, "cross_entropy: {} classes are not served on the cpu: {} are", classes,
        cpu::kMaxClasses);
  for (int64_t r = 0; r < rows; ++r)
    check(labels[r] < classes, "cross_entropy: label {} of row {} is not below {} classes", labels[r], r, classes);
  // Exponentials of a row per thread, column sums per block, and a flag per row.
  const cpu::RowBlocks blocks(rows);
  const int64_t parts_size = a.dbias ? blocks.count * stride : 0;
  float* rooms = scratch_of<float>(size_t(threads_ * stride + parts_size + rows));
  float* parts = rooms + threads_ * stride;
  uint8_t* correct = reinterpret_cast<uint8_t*>(parts + parts_size);
  const auto one_row = ENCORE_VEC_CALL_FLOATS(cross_entropy, a.logits.dtype);
  float* row_loss = a.row_loss.ptr<float>();
  cpu::parallel_blocks(threads_, blocks, classes, [&](int64_t block, int64_t begin, int64_t end, int thread) {
    float* room = rooms + thread * stride;
    float* dbias = a.dbias ? parts + block * stride : nullptr;
    if (dbias) std::fill_n(dbias, classes, 0.f);
    for (int64_t r = begin; r < end; ++r) {
      row_loss[r] = 0;
      correct[r] = 0;
      if (labels[r] < 0) {
        if (!a.loss_only) std::memset(cpu::row_at(a.logits, r), 0, size_t(a.logits.cols) * size_of(a.logits.dtype));
        continue;
      }
      const cpu::CrossEntropyResult result =
          one_row({cpu::row_at(a.logits, r), a.bias.ptr<float>(), classes, a.logits.cols, labels[r],
                   a.loss_only ? 0.f : *a.grad_scale.ptr<float>(), a.loss_only, dbias, room});
      row_loss[r] = result.loss;
      correct[r] = result.correct;
    }
  });
  double* loss_sum = a.loss_sum.ptr<double>();
  int64_t right = 0;
  for (int64_t r = 0; r < rows; ++r) {
    *loss_sum += double(row_loss[r]);
    right += correct[r];
  }
  if (a.correct) *a.correct.ptr<int64_t>() += right;
  if (a.dbias) cpu::combine(threads_, parts, blocks.count, stride, a.dbias);
}

}  // namespace encore
