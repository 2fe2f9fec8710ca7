#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

// The loss and its gradient over the masked rows. The op overwrites the logits, so each run gets fresh ones.
void cases_of_cross_entropy(Cases& cases) {
  const Sizes s = cases.sizes;
  for (const DType t : cases.dtypes)
    for (const bool loss_only : {false, true})
      cases.add((loss_only ? "cross_entropy_loss/" : "cross_entropy/") + text(t), t, [=](Inputs& in) -> Work {
        Backend& b = in.backend;
        const CrossEntropy a{.logits = in.normal(t, s.targets, s.padded_vocabulary),
                             .classes = s.vocabulary,
                             .bias = in.vector(s.vocabulary),
                             .labels = in.indices(s.targets, s.vocabulary),
                             .grad_scale = in.constant(1.0f / float(s.targets), DType::kF32, 1, 1),
                             .row_loss = in.zero(DType::kF32, 1, s.targets),
                             .loss_sum = in.zero(DType::kF64, 1, 1),
                             .correct = in.zero(DType::kI64, 1, 1),
                             .dbias = loss_only ? Tensor() : in.zero(DType::kF32, 1, s.vocabulary),
                             .loss_only = loss_only};
        if (loss_only) return {cost_of(a), [&b, a] { cross_entropy(b, a); }};
        const Tensor logits = in.normal(t, s.targets, s.padded_vocabulary);
        const auto restore = [&b, a, logits] { b.copy_on_device(a.logits.data, logits.data, logits.bytes()); };
        return {cost_of(a), [&b, a] { cross_entropy(b, a); }, restore};
      });
}

const Registration cross_entropy_cases(cases_of_cross_entropy);

}  // namespace
}  // namespace encore::bench
