#include "train/trainer.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace encore {

Trainer::Trainer(Reservation& reservation, const BatchSource& source, Communicator& comm, const StepOptions& options)
    : reservation_(reservation),
      model_(reservation.model()),
      source_(source),
      comm_(comm),
      options_(options),
      optimizer_(model_.params(), options.adamw),
      reducer_(comm, model_.params(), model_.embedding_elements(), options.reduce_dtype) {
  options_.schedule.total_steps = source.steps();
  options_.schedule.warmup_steps = warmup_steps(options.warmup_ratio, source.steps());
  options_.schedule.decay_steps = int64_t(std::ceil(options.decay_ratio * double(source.steps())));
}

double Trainer::epoch() const {
  return source_.epochs_after(step());
}

void Trainer::set_skipped(int64_t all, int64_t in_row) {
  skipped_ = all;
  skipped_in_row_ = in_row;
}

std::vector<PackedBatch> Trainer::next_batches() const {
  return source_.micro_batches(step(), comm_.rank(), comm_.size());
}

bool Trainer::works_ahead() const {
  return model_.params().backend().asynchronous() && (comm_.size() == 1 || reducer_.sums_on_devices());
}

StepResult Trainer::run_step() {
  StepResult result = works_ahead() ? run_ahead() : run_and_wait();
  result.epoch = epoch();
  return result;
}

StepResult Trainer::run_and_wait() {
  StepResult result = compute(next_batches());
  if (const std::string why = fault(result); !why.empty())
    return skip(std::move(result), fmt::format("{}; {}", why, source_.members(step())));
  optimizer_.step(result.lr, result.grad_norm);
  skipped_in_row_ = 0;
  return result;
}

// Launches the passes of the next step before it reads the sums of this one. The next step's update waits for the next
// call, so that the caller sees the weights after this step. If the sums are not finite, the update has changed
// nothing; the step is taken back and computed once more, because the next step has overwritten its gradients.
StepResult Trainer::run_ahead() {
  if (!sums_) sums_ = std::make_unique<StepSums>(model_.params().backend());
  if (!under_way_) under_way_ = launch();
  UnderWay now = std::move(*under_way_);
  under_way_.reset();
  optimizer_.update(now.result.lr, sums_->loss());
  if (!done()) under_way_ = launch();
  const StepSums::Values sums = sums_->read(now.place);
  now.result.loss_sum = sums.loss;
  now.result.loss = sums.loss / double(source_.loss_divisor(now.result.targets));
  now.result.correct = sums.correct;
  now.result.grad_norm = std::sqrt(sums.squares);
  now.result.idle = model_.params().backend().seconds_between(*now.free, *now.fed);
  if (std::isfinite(now.result.loss) && std::isfinite(now.result.grad_norm)) {
    skipped_in_row_ = 0;
    return now.result;
  }
  under_way_.reset();
  model_.clear_totals();
  optimizer_.set_steps(optimizer_.steps() - 1);
  return run_and_wait();
}

Trainer::UnderWay Trainer::launch() {
  Backend& backend = model_.params().backend();
  std::unique_ptr<Event> free = backend.record_event();
  const std::vector<PackedBatch> batches = next_batches();
  std::unique_ptr<Event> fed = backend.record_event();
  UnderWay step{.result = start(batches), .free = std::move(free), .fed = std::move(fed)};
  std::array<double, 1> flops{step.result.flops};
  comm_.all_reduce_sum(std::span<double>(flops));
  step.result.flops = flops[0];
  optimizer_.measure();
  step.place = sums_->take(model_.loss_sum(), model_.correct(), optimizer_.squares());
  model_.clear_totals();
  return step;
}

StepResult Trainer::start(const std::vector<PackedBatch>& batches) {
  enum { kTokens, kTargets };
  StepResult result{.step = step() + 1, .lr = options_.schedule.at(step()), .micro_batches = int(batches.size())};
  std::array<int64_t, 2> counts{};
  for (const PackedBatch& batch : batches) {
    counts[kTokens] += batch.tokens();
    counts[kTargets] += batch.labelled();
    result.flops += training_flops(model_.config(), batch);
  }
  comm_.all_reduce_sum(std::span<int64_t>(counts));
  result.tokens = counts[kTokens];
  result.targets = counts[kTargets];

  model_.params().zero_gradients();
  accumulate(batches, float(1.0 / double(source_.loss_divisor(result.targets))));
  reducer_.finish(model_.loss_sum(), model_.correct());
  return result;
}

StepResult Trainer::compute(const std::vector<PackedBatch>& batches) {
  StepResult result = start(batches);
  const LossTotals totals = model_.take_totals();
  std::array<double, 3> sums{result.flops, totals.loss_sum, double(totals.correct)};
  comm_.all_reduce_sum(std::span<double>(sums).first(reducer_.sums_on_devices() ? 1 : 3));
  result.flops = sums[0];
  result.loss_sum = sums[1];
  result.loss = sums[1] / double(source_.loss_divisor(result.targets));
  result.correct = int64_t(sums[2]);
  result.grad_norm = optimizer_.gradient_norm();
  return result;
}

// The last pass reports its progress to the reducer, so that sums over ranks begin before the pass has ended.
void Trainer::accumulate(const std::vector<PackedBatch>& batches, float grad_scale) {
  const auto last =
      std::find_if(batches.rbegin(), batches.rend(), [](const PackedBatch& b) { return b.labelled() > 0; });
  for (const PackedBatch& batch : batches) {
    if (batch.labelled() == 0) continue;
    reservation_.fit(batch);
    if (&batch == &*last && reducer_.sums_on_devices()) model_.set_gradient_listener(&reducer_);
    model_.forward_backward(batch, grad_scale, options_.seed);
  }
  model_.set_gradient_listener(nullptr);
}

// Loss and norm are sums over all ranks and gradients are the same everywhere, so every rank gets the same answer.
std::string Trainer::fault(const StepResult& r) const {
  if (std::isfinite(r.loss) && std::isfinite(r.grad_norm)) return "";
  const std::string tensor = nonfinite_tensor(model_.params());
  return fmt::format("{}: the {} is not finite (loss {}, gradient norm {}, lr {:g}){}", source_.step_name(r.step - 1),
                     std::isfinite(r.loss) ? "gradient" : "loss", r.loss, r.grad_norm, r.lr,
                     tensor.empty() ? "" : ", from " + tensor);
}

StepResult Trainer::skip(StepResult result, const std::string& why) {
  if (options_.on_nonfinite == OnNonFinite::kStop)
    throw NonFiniteError(why + ": lower --lr, or leave such steps out with --on-nonfinite skip");
  if (++skipped_in_row_ >= kMostSkippedInRow)
    throw NonFiniteError(
        fmt::format("{}: {} steps in a row: lower --lr, or look at these documents", why, skipped_in_row_));
  ++skipped_;
  result.skipped = why;
  return result;
}

}  // namespace encore
