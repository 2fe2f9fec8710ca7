#include "model/encoder_model.h"

#include <algorithm>

#include "kernels/base/hash.h"
#include "model/trusted_indices.h"

namespace encore {
namespace {

constexpr size_t kTotalsBytes = 2 * sizeof(int64_t);  // loss_sum, correct

int64_t count_labelled(const std::vector<int32_t>& labels) {
  return std::count_if(labels.begin(), labels.end(), [](int32_t label) { return label >= 0; });
}

LossTensors loss_at(void* totals, Tensor row_loss) {
  char* base = static_cast<char*>(totals);
  return {.row_loss = row_loss,
          .loss_sum = Tensor(base, DType::kF64, 1, 1),
          .correct = Tensor(base + sizeof(double), DType::kI64, 1, 1)};
}

// The key of GraphedCalls::run for the passes over a batch: the seed is an argument of their kernels, and the optional
// lists that the batch has decide which calls are made.
uint64_t graph_key(uint64_t seed, const DeviceBatch& b) {
  return Hasher().add(seed).add(uint64_t(bool(b.type_ids))).add(uint64_t(bool(b.rows.example_keys))).digest();
}

}  // namespace

std::vector<float> read_as_f32(Backend& backend, const Tensor& t) {
  std::vector<float> values(size_t(t.size()));
  check(t.contiguous(), "{} is read as a whole", t.str());
  if (t.dtype == DType::kF32) {
    backend.copy_to_host(values.data(), t.data, t.bytes());
    return values;
  }
  std::vector<bf16> raw(values.size());
  backend.copy_to_host(raw.data(), t.data, t.bytes());
  std::transform(raw.begin(), raw.end(), values.begin(), [](bf16 x) { return to_float(x); });
  return values;
}

EncoderModel::EncoderModel(const EncoderConfig& config, Backend& backend, DType compute, Mode mode,
                           const HeadFactory& make_head, bool with_memory)
    : Model(config), backend_(backend), mode_(mode), batch_(config.family->positions, config.pad_token_id) {
  encoder_ = std::make_unique<Encoder>(config_, params_);
  head_ = make_head(config_, params_, *encoder_);
  if (!with_memory) {
    params_.outline(backend, compute);
    return;
  }
  params_.allocate(backend, compute, mode == Mode::kTraining);
  // trace() has a second pair of totals.
  totals_ = backend.allocate(2 * kTotalsBytes);
}

EncoderModel::~EncoderModel() {
  release();
  if (totals_) backend_.free(totals_);
}

void EncoderModel::reserve(const BatchCapacity& capacity, Mode mode) {
  reserve(capacity, mode, compute_all_rows_);
}

void EncoderModel::reserve(BatchCapacity c, Mode mode, bool complete_backward) {
  check(c.tokens > 0 && c.sequences > 0 && c.targets >= 0, "a capacity of {} tokens, {} sequences, {} targets",
        c.tokens, c.sequences, c.targets);
  check(mode == Mode::kInference || mode_ == Mode::kTraining, "this model was made for inference: it has no gradients");
  release();
  const Sizes sizes = measure(c, mode, complete_backward);
  batch_.allocate(backend_, c.tokens, c.sequences, read_capacity(c));
  memory_ = static_cast<char*>(backend_.allocate(sizes.saved + sizes.stream + sizes.scratch));
  scratch_ = Arena(memory_ + sizes.saved + sizes.stream, sizes.scratch);
  sizes_ = sizes;
  capacity_ = c;
  reserved_mode_ = mode;
}

void EncoderModel::compute_all_rows(bool all) {
  compute_all_rows_ = all;
  if (memory_) reserve(capacity_, reserved_mode_);
}

void EncoderModel::release() {
  shapes_.clear();
  if (memory_) backend_.free(memory_);
  memory_ = nullptr;
  batch_.release();
  capacity_ = {};
}

void EncoderModel::begin(const PackedBatch& b, const Pass& pass) {
  const bool mlm = head_->read_rows() == ReadRows::kTargets;
  check_batch(b,
              {.vocab_size = config_.vocab_size,
               .types = config_.type_vocab_size,
               .classes = head_->classes(),
               .max_length = config_.max_length()},
              head_->read_rows(), pass.labels, pass.dropout && uses_dropout());
  const int64_t read = mlm ? b.targets() : b.sequences();
  check(memory_ && b.tokens() <= capacity_.tokens && b.sequences() <= capacity_.sequences &&
            read <= read_capacity(capacity_),
        "a batch of {} tokens, {} sequences, {} targets exceeds the memory planned for {}, {}, {}", b.tokens(),
        b.sequences(), read, capacity_.tokens, capacity_.sequences, read_capacity(capacity_));
  check(!pass.backward || reserved_mode_ == Mode::kTraining, "memory was planned for inference: no backward pass");
  batch_.upload(b, head_->read_rows(), pass.grad_scale, pass.padded);
  Arena saved(memory_, sizes_.saved), stream(memory_ + sizes_.saved, sizes_.stream);
  lay_out(saved, stream,
          {.tokens = batch_.tokens,
           .read = batch_.read,
           .complete_last = pass.complete_last,
           .keep_for_backward = pass.backward},
          layout_);
}

EncoderModel::Recorded* EncoderModel::shape_for(const PackedBatch& b) {
  if (!backend_.pads_batches() || compute_all_rows_ || !memory_ || b.tokens() == 0) return nullptr;
  if (shapes_.empty()) plan_shapes(b);
  const int64_t read = head_->read_rows() == ReadRows::kTargets ? b.targets() : b.sequences();
  for (Recorded& r : shapes_)
    if (b.tokens() <= r.shape.tokens && b.sequences() <= r.shape.sequences && read <= r.shape.read) return &r;
  return nullptr;
}

bool EncoderModel::uses_dropout() const {
  return config_.hidden_dropout_prob > 0 || config_.attention_probs_dropout_prob > 0 || config_.classifier_dropout > 0;
}

void EncoderModel::count_targets(const PackedBatch& b) {
  targets_ += count_labelled(head_->read_rows() == ReadRows::kTargets ? b.target_labels : b.class_labels);
}

Tensor EncoderModel::run_encoder(Step& step, const Encoder::Visitor& visit) const {
  encoder_->forward(step, layout_.encoder, visit);
  const Tensor last = layout_.encoder.hidden.back();
  if (!layout_.read) return last;
  gather_rows(backend_, {.x = last, .rows = batch_.read_rows, .y = layout_.read});
  return layout_.read;
}

void EncoderModel::run_encoder_backward(Step& step) const {
  if (!layout_.read) return encoder_->backward(step, layout_.encoder, layout_.dread, layout_.d);
  scatter_rows(backend_, {.dy = layout_.dread, .rows = batch_.read_rows, .dx = layout_.d});
  encoder_->backward(step, layout_.encoder, layout_.d, layout_.d);
}

void EncoderModel::pass_over(Step& step) {
  const Tensor x = run_encoder(step);
  head_->forward(step, layout_.head, x);
  head_->backward(step, layout_.head, x, loss_at(totals_, layout_.row_loss), layout_.dread);
  run_encoder_backward(step);
}

void EncoderModel::forward_backward(const PackedBatch& b, float grad_scale, uint64_t seed) {
  Recorded* recorded = shape_for(b);
  begin(b, {.labels = true,
            .backward = true,
            .dropout = true,
            .complete_last = compute_all_rows_,
            .grad_scale = grad_scale,
            .padded = recorded ? &recorded->shape : nullptr});
  if (batch_.read == 0) return;
  const TrustedIndices trusted(backend_);
  Step step{.backend = backend_, .scratch = scratch_, .batch = batch_, .seed = seed, .dropout = true};
  GraphedCalls calls_alone;
  GraphedCalls& calls = !recorded ? calls_alone : listener_ ? recorded->told : recorded->passes;
  const std::function<void(int64_t)> tell = [&](int64_t from) {
    if (listener_->wants(from)) calls.between([this, from] { listener_->final_from(from); });
  };
  if (listener_) step.gradients_final = &tell;
  if (recorded) {
    calls.run(backend_, graph_key(seed, batch_), [&] { pass_over(step); });
  } else {
    pass_over(step);
  }
  count_targets(b);
}

void EncoderModel::evaluate(const PackedBatch& b, std::vector<float>* target_loss) {
  begin(b, {.labels = true});
  if (target_loss) target_loss->clear();
  if (batch_.read == 0) return;
  const TrustedIndices trusted(backend_);
  Step step{.backend = backend_, .scratch = scratch_, .batch = batch_};
  head_->forward(step, layout_.head, run_encoder(step));
  head_->evaluate(step, layout_.head, loss_at(totals_, layout_.row_loss));
  count_targets(b);
  if (target_loss) *target_loss = read_as_f32(backend_, layout_.row_loss);
}

void EncoderModel::logits(const PackedBatch& b, std::vector<float>& out) {
  begin(b, {});
  out.clear();
  if (batch_.read == 0) return;
  const TrustedIndices trusted(backend_);
  Step step{.backend = backend_, .scratch = scratch_, .batch = batch_};
  head_->forward(step, layout_.head, run_encoder(step));
  read_logits(step, out);
}

void EncoderModel::read_logits(Step& step, std::vector<float>& out) const {
  const int64_t classes = head_->classes();
  const std::vector<float> bias = read_as_f32(backend_, head_->logit_bias());
  out.clear();
  out.reserve(size_t(batch_.read * classes));
  head_->logits(step, layout_.head, [&](Tensor block) {
    const std::vector<float> values = read_as_f32(backend_, block);
    for (int64_t r = 0; r < block.rows; ++r)
      for (int64_t c = 0; c < classes; ++c) out.push_back(values[r * block.cols + c] + bias[c]);
  });
}

void EncoderModel::hidden_states(const PackedBatch& b, std::vector<float>& out) {
  begin(b, {.complete_last = true});
  const TrustedIndices trusted(backend_);
  Step step{.backend = backend_, .scratch = scratch_, .batch = batch_};
  encoder_->forward(step, layout_.encoder);
  out = read_as_f32(backend_, layout_.encoder.hidden.back());
}

Tensor EncoderModel::loss_sum() const {
  return loss_at(totals_, Tensor()).loss_sum;
}
Tensor EncoderModel::correct() const {
  return loss_at(totals_, Tensor()).correct;
}

LossTotals EncoderModel::take_totals() {
  struct {
    double loss_sum;
    int64_t correct;
  } host;
  static_assert(sizeof(host) == kTotalsBytes);
  backend_.copy_to_host(&host, totals_, kTotalsBytes);
  const LossTotals totals{.loss_sum = host.loss_sum, .targets = targets_, .correct = host.correct};
  clear_totals();
  return totals;
}

void EncoderModel::clear_totals() {
  backend_.fill_zero(totals_, kTotalsBytes);
  targets_ = 0;
}

void EncoderModel::trace(const PackedBatch& b, const Visitor& visit) {
  const bool mlm = head_->read_rows() == ReadRows::kTargets;
  const int64_t targets = count_labelled(mlm ? b.target_labels : b.class_labels);
  check(targets > 0, "batch: no token or sequence has a label, so there is no loss to trace");
  reserve({.tokens = std::max(b.tokens(), capacity_.tokens),
           .sequences = std::max(b.sequences(), capacity_.sequences),
           .targets = std::max(b.targets(), capacity_.targets)},
          Mode::kTraining, true);
  begin(b, {.labels = true, .backward = true, .complete_last = true, .grad_scale = float(1.0 / double(targets))});
  Step step{.backend = backend_, .scratch = scratch_, .batch = batch_};
  const Tensor x = run_encoder(step, [&](int layer, Tensor h) {
    visit(fmt::format("hidden.{}", layer), {h.rows, h.cols}, read_as_f32(backend_, h));
  });
  head_->forward(step, layout_.head, x);
  std::vector<float> logits;
  read_logits(step, logits);
  visit("logits", {batch_.read, head_->classes()}, std::move(logits));

  void* totals = static_cast<char*>(totals_) + kTotalsBytes;
  backend_.fill_zero(totals, kTotalsBytes);
  head_->backward(step, layout_.head, x, loss_at(totals, layout_.row_loss), layout_.dread);
  double loss_sum = 0;
  backend_.copy_to_host(&loss_sum, totals, sizeof(loss_sum));
  visit("loss", {1}, {float(loss_sum / double(targets))});
  run_encoder_backward(step);
}

}  // namespace encore
