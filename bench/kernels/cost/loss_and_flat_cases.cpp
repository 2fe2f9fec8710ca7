// The loss, and the ops over the flat buffers of all parameters.
#include "bench/kernels/cost/workload.h"
#include "kernels/backend.h"
#include "kernels/ops/adamw.h"
#include "kernels/ops/cast.h"
#include "kernels/ops/cross_entropy.h"
#include "kernels/ops/reduce.h"

namespace encore::cost {
namespace {

constexpr DType kF32 = DType::kF32;

// bf16 rows lie in registers, and 128 blocks take all rows from 512 rows on. fp32 rows go in blocks of 64.
Case cross_entropy_case(DType t, bool loss_only, bool bias) {
  const bool held = t == DType::kBF16;
  std::string variant = t == kF32 ? "fp32" : "bf16";
  variant += bias ? ", bias" : "";
  variant += loss_only ? ", loss only" : bias ? ", bias gradient" : "";
  return {"cross_entropy",
          variant,
          "",
          0,
          double(kMasked),
          1,
          (loss_only ? 4.0 : 8.0) * double(kMasked * kVocabulary),
          {held ? 512 : 64, held ? 1024 : 128},
          false,
          [=](Workload& w, int64_t rows) {
            CrossEntropy a;
            a.logits = w.make(t, rows, kPaddedVocabulary, loss_only ? 1 : 2);
            a.classes = kVocabulary;
            if (bias) a.bias = w.make(kF32, 1, kVocabulary);
            std::vector<int32_t> labels;
            for (int64_t r = 0; r < rows; ++r) labels.push_back(int32_t(r * 389 % kVocabulary));
            a.labels = w.list(labels);
            a.grad_scale = w.list(std::vector<float>{1.f / float(rows)});
            a.row_loss = w.make(kF32, 1, rows);
            a.loss_sum = w.list(std::vector<double>{0}, 2), a.correct = w.list(std::vector<int64_t>{0}, 2);
            if (bias && !loss_only) a.dbias = w.make(kF32, 1, kVocabulary, 2);
            a.loss_only = loss_only;
            w.measure([&](Backend& b) { cross_entropy(b, a); });
          }};
}

}  // namespace

std::vector<Case> loss_cases(const Model& m, bool fast) {
  std::vector<Case> all{cross_entropy_case(DType::kBF16, false, true), cross_entropy_case(DType::kBF16, false, false),
                        cross_entropy_case(DType::kBF16, true, true), cross_entropy_case(kF32, false, true)};
  for (Case& c : all) c.model = m.name, c.fast = fast;
  return all;
}

std::vector<Case> flat_cases(const Model& m, bool fast) {
  const double n = double(m.parameters());
  std::vector<Case> all;
  all.push_back({"adamw", "bf16 copy", m.name, 0, n, 1, 17 * n, {32768, 65536}, fast, [](Workload& w, int64_t size) {
                   AdamW a;
                   a.w = w.make(kF32, 1, size, 2), a.m = w.make(kF32, 1, size, 2), a.v = w.make(kF32, 1, size, 2);
                   for (int64_t i = 0; i < size; ++i) a.v.ptr<float>()[i] = 1;
                   a.gradient = w.make(kF32, 1, size), a.shadow = w.make(DType::kBF16, 1, size);
                   a.scalars = w.list(std::vector<float>{1e-4f, 1, 0.1f, 0.001f});
                   a.weight_decay = 0.01f;
                   w.measure([&](Backend& b) { adamw(b, a); });
                 }});
  // From 2^21 elements on there are 1024 blocks.
  all.push_back(
      {"sum_of_squares", "fp32", m.name, 0, n, 1, 2 * n, {1 << 21, 1 << 22}, fast, [](Workload& w, int64_t size) {
         const SumOfSquares a{w.make(kF32, 1, size), w.list(std::vector<double>{0}, 2)};
         w.measure([&](Backend& b) { sum_of_squares(b, a); });
       }});
  for (const bool down : {true, false})
    all.push_back({"cast",
                   down ? "fp32 to bf16" : "bf16 to fp32",
                   m.name,
                   0,
                   n,
                   1,
                   0,
                   {32768, 65536},
                   fast,
                   [down](Workload& w, int64_t size) {
                     const DType from = down ? kF32 : DType::kBF16, to = down ? DType::kBF16 : kF32;
                     const Cast a{w.make(from, 1, size), w.make(to, 1, size)};
                     w.measure([&](Backend& b) { cast(b, a); });
                   }});
  return all;
}

}  // namespace encore::cost
