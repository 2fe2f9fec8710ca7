#include "train/seed_run.h"

#include "kernels/base/check.h"
#include "kernels/base/clock.h"
#include "train/scoring.h"

namespace encore {
nlohmann::json SeedResult::to_json(const std::vector<std::string>& labels, bool with_test) const {
  nlohmann::json out{{"seed", seed}, {"best_epoch", best_epoch}, {"dev", dev.to_json(labels)}};
  if (with_test) out["test"] = test.to_json(labels);
  return out;
}

SeedRun::SeedRun(const Shared& shared, uint64_t seed) : shared_(shared), seed_(seed) {
  const FinetuneSpec& spec = shared.spec;
  EncoderConfig config = spec.model;
  config.labels = shared.data.labels.names();
  model_ = make_classifier(config, shared.data.labels.size(), shared.backend, shared.dtype, Mode::kTraining);
  report_ = load_weights(spec.model_dir, model_->params(), spec.model, seed, &config.labels);
  reservation_.emplace(*model_, shared.capacity, Mode::kTraining);
  LabelledBatchOptions batches = spec.batches;
  batches.seed = seed;
  source_ = std::make_unique<LabelledBatches>(shared.data.train, batches);
  StepOptions step = spec.step;
  step.seed = seed;
  trainer_.emplace(*reservation_, *source_, shared.comm, step);
}

bool SeedRun::over() const {
  const int patience = shared_.spec.patience;
  return progress_.epochs >= shared_.spec.batches.epochs ||
         (patience > 0 && progress_.epochs > 0 && progress_.epochs - progress_.best_epoch >= patience);
}

StepResult SeedRun::step() {
  const double start = steady_seconds();
  const Profiler::Phase phase(shared_.profiler, "step");
  try {
    if (!display_) {
      const FinetuneSpec& spec = shared_.spec;
      display_.emplace(WorkProgress::Work{.name = fmt::format("seed {}, epoch {}/{}", seed_, progress_.epochs + 1,
                                                              spec.batches.epochs),
                                          .unit = "steps",
                                          .total = source_->steps_per_epoch(),
                                          .already = trainer_->step() % source_->steps_per_epoch()},
                       !shared_.comm.root());
    }
    StepResult result = trainer_->run_step();
    display_->add(1);
    if (result.skipped.empty()) progress_.epoch_loss += result.loss_sum;
    progress_.epoch_seconds += seconds_since(start);
    return result;
  } catch (const NonFiniteError&) {
    throw;  // its message names the step
  } catch (const DeviceError& e) {
    throw DeviceError(fmt::format("{}: {}", source_->step_name(trainer_->step()), e.what()));
  }
}

SeedRun::Epoch SeedRun::end_epoch() {
  erase_display();
  const double start = steady_seconds();
  Epoch epoch{.number = ++progress_.epochs,
              .loss = progress_.epoch_loss / double(shared_.data.train.size()),
              .dev = evaluate(shared_.data.dev)};
  const std::string& metric = shared_.spec.metric;
  if (progress_.best_epoch == 0 || epoch.dev.by_name(metric) > progress_.best_dev.by_name(metric)) {
    progress_.best_epoch = epoch.number;
    progress_.best_dev = epoch.dev;
    best_.resize(size_t(model_->params().length()));
    shared_.backend.copy_to_host(best_.data(), model_->params().weights().data, best_.size() * sizeof(float));
  }
  epoch.seconds = progress_.epoch_seconds + seconds_since(start);
  progress_.epoch_loss = progress_.epoch_seconds = 0;
  return epoch;
}

SeedResult SeedRun::finish() {
  shared_.backend.copy_to_device(model_->params().weights().data, best_.data(), best_.size() * sizeof(float));
  model_->params().weights_changed();
  SeedResult result{.seed = seed_, .best_epoch = progress_.best_epoch, .dev = progress_.best_dev};
  if (shared_.data.test.size() > 0) result.test = evaluate(shared_.data.test);
  return result;
}

StateBuffers SeedRun::buffers() {
  return {.params = &model_->params(), .optimizer = &trainer_->optimizer(), .best = &best_};
}

Scores SeedRun::evaluate(const ClassificationSet& set) {
  const Profiler::Phase phase(shared_.profiler, "evaluation");
  return score(set.label, classify(*model_, set, shared_.capacity.tokens, nullptr, &shared_.comm),
               shared_.data.labels.size());
}

}  // namespace encore
