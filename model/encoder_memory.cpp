// The memory of a model: its size for a capacity, and its layout for one batch.
#include <algorithm>

#include "model/encoder_model.h"

namespace encore {

int64_t EncoderModel::read_capacity(const BatchCapacity& c) const {
  return head_->read_rows() == ReadRows::kTargets ? std::min(c.targets, c.tokens) : c.sequences;
}

void EncoderModel::lay_out(Arena& saved, Arena& stream, const EncoderRows& rows, Layout& out) const {
  const DType dtype = params_.compute_dtype();
  encoder_->plan(saved, rows, out.encoder);
  out.head = head_->plan(saved, rows.read);
  out.row_loss = saved.take("head: loss", DType::kF32, 1, rows.read);
  out.read = rows.complete_last ? stream.take("head: read rows", dtype, rows.read, config_.hidden_size) : Tensor();
  if (!rows.keep_for_backward) return;
  out.d = stream.take("d hidden states", dtype, rows.tokens, config_.hidden_size);
  out.dread = stream.take("d read rows", dtype, rows.read, config_.hidden_size);
}

EncoderModel::Sizes EncoderModel::measure(const BatchCapacity& c, Mode mode, bool complete_backward) const {
  Sizes sizes{.batch = DeviceBatch::bytes(c.tokens, c.sequences, read_capacity(c))};
  const auto cover = [&](bool complete_last, bool backward) {
    const EncoderRows rows{
        .tokens = c.tokens, .read = read_capacity(c), .complete_last = complete_last, .keep_for_backward = backward};
    Arena saved, stream, scratch;
    Layout layout;
    lay_out(saved, stream, rows, layout);
    head_->plan_scratch(scratch, rows.read, backward);
    if (backward) encoder_->plan_backward_scratch(scratch, rows, params_.compute_dtype());
    sizes.saved = std::max(sizes.saved, saved.peak());
    sizes.stream = std::max(sizes.stream, stream.peak());
    sizes.scratch = std::max(sizes.scratch, scratch.peak());
  };
  // The memory of a training step serves evaluate(), logits() and hidden_states() as well.
  cover(false, false);
  cover(true, false);
  if (mode == Mode::kTraining) cover(false, true);
  if (complete_backward) cover(true, true);
  return sizes;
}

MemoryPlan EncoderModel::plan(const BatchCapacity& c, DType compute, Mode mode) const {
  check(compute == params_.compute_dtype(), "this model computes in {}: a plan for {} needs a model made for it",
        name_of(params_.compute_dtype()), name_of(compute));
  const Sizes sizes = measure(c, mode, compute_all_rows_);
  const size_t length = size_t(params_.length());
  MemoryPlan plan;
  const auto add = [&](const char* name, size_t bytes) { plan.regions.push_back({.name = name, .bytes = bytes}); };
  add("weights (fp32)", length * sizeof(float));
  if (compute == DType::kBF16) add("weights (bf16)", length * sizeof(bf16));
  if (mode == Mode::kTraining) add("gradients (fp32)", length * sizeof(float));
  add("batch", sizes.batch);
  add("activations", sizes.saved);
  if (sizes.stream) add("activation gradients", sizes.stream);
  add("scratch", sizes.scratch);
  return plan;
}

// The shapes are quarters of the capacity. Spare sequences cost time in attention, so a shape has room for twice as
// many sequences per token as the first batch, not for the whole capacity. A batch that fits no shape is not padded.
void EncoderModel::plan_shapes(const PackedBatch& first) {
  constexpr int64_t kShapes = 4, kFewest = 64;
  const double per_token = double(first.sequences()) / double(first.tokens());
  for (int64_t i = 1; i <= kShapes; ++i) {
    const auto part = [&](int64_t whole) { return (whole * i + kShapes - 1) / kShapes; };
    BatchShape s{.tokens = part(capacity_.tokens)};
    s.sequences = std::min({capacity_.sequences, s.tokens, kFewest + int64_t(2 * per_token * double(s.tokens))});
    s.read = head_->read_rows() == ReadRows::kTargets ? part(read_capacity(capacity_)) : s.sequences;
    shapes_.emplace_back();
    shapes_.back().shape = s;
  }
}

}  // namespace encore
