#include "train/vampire/vampire_epochs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/base/clock.h"
#include "train/memory_plan.h"
#include "train/nonfinite.h"

namespace encore {
namespace {

// What the original's TROUBLESHOOTING.md advises, in the flags of this program.
constexpr const char* kNonFiniteAdvice =
    "try --tfidf, --batch-documents 256 or more, --lr 1e-4, --kl-clamp 1000 or --kl-schedule sigmoid";

VampireMeans means_of(const VampireTotals& totals) {
  const double documents = double(std::max<int64_t>(1, totals.documents));
  return {
      .kl = -totals.negative_kld / documents, .nll = -totals.log_likelihood / documents, .documents = totals.documents};
}

}  // namespace

nlohmann::json to_json(const VampireProgress& p) {
  return {{"epochs", p.epochs},        {"kl", p.kl}, {"nll", p.nll}, {"seconds", p.seconds}, {"best", to_json(p.best)},
          {"best_epoch", p.best_epoch}};
}

VampireProgress vampire_progress_from_json(const nlohmann::json& json, const std::string& state_dir) {
  const std::string file = state_dir + "/state.json";
  try {
    return {.epochs = json.at("epochs"),
            .kl = json.at("kl"),
            .nll = json.at("nll"),
            .seconds = json.at("seconds"),
            .best_epoch = json.at("best_epoch"),
            .best = topics_from_json(json.at("best"), file)};
  } catch (const nlohmann::json::exception&) {
    throw DamagedState(fmt::format("{}: its \"progress\" is not that of a VAMPIRE run", file));
  }
}

VampireConfig VampireEpochs::config_of(const VampireSpec& spec, const VampireText& text) {
  VampireConfig config = spec.model;
  config.vocabulary = text.vocabulary.columns();
  return config;
}

VampireCapacity VampireEpochs::capacity_of(const VampireSpec& spec, const VampireText& text, int64_t batch_documents) {
  VampireCapacity capacity = VampireBatches(text.train, batch_documents, spec.seed).capacity();
  capacity.entries = std::max(capacity.entries, text.dev.most_values(capacity.documents));
  return capacity;
}

MemoryPlan VampireEpochs::plan(const VampireSpec& spec, const VampireText& text, Backend& backend,
                               int64_t batch_documents, size_t before) {
  const VampireModel outline(config_of(spec, text), backend, Mode::kTraining, /*with_memory=*/false);
  const VampireCapacity capacity = capacity_of(spec, text, batch_documents);
  MemoryPlan plan = outline.plan(capacity, Mode::kTraining);
  const size_t floats = size_t(outline.params().length()) * sizeof(float);
  plan.regions.push_back({"Adam moments (fp32)", Optimizer::bytes(outline.params().length())});
  plan.regions.push_back({"a batch on the host", size_t(capacity.entries) * 8 + size_t(capacity.documents) * 12, true});
  // Reading the topics, and writing a tensor; a best model that could not be saved is kept.
  plan.regions.push_back({"weights on the host", spec.run.on_save_error == OnSaveError::kContinue ? 2 * floats : floats,
                          /*host=*/true});
  plan.regions.push_back({"program, libraries, words", before + kLibraryMemory, /*host=*/true});
  return plan;
}

VampireEpochs::VampireEpochs(const VampireSpec& spec, const VampireText& text, Backend& backend, int threads)
    : spec_(spec),
      text_(text),
      threads_(threads),
      model_(config_of(spec, text), backend, Mode::kTraining),
      optimizer_(model_.params(), spec.adam),
      batches_(text.train, spec.batch_documents, spec.seed) {
  model_.initialise(spec.seed);
  model_.write(VampireBuffer::kBackground, text.vocabulary.log_background());
  model_.reserve(capacity_of(spec, text, spec.batch_documents), Mode::kTraining);
}

bool VampireEpochs::over() const {
  return progress_.epochs >= spec_.epochs ||
         (spec_.patience > 0 && progress_.epochs > 0 && progress_.epochs - progress_.best_epoch >= spec_.patience);
}

VampireEpochs::Step VampireEpochs::run_step() {
  const double start = steady_seconds();
  batches_.fill(progress_.epochs, step_in_epoch(), batch_);
  Step step{.kl_weight = spec_.kl.weight(progress_.epochs)};
  model_.forward_backward(batch_, float(step.kl_weight), spec_.seed);
  step.grad_norm = optimizer_.gradient_norm();
  step.means = means_of(model_.take_totals());
  step.loss = step.means.loss(step.kl_weight);
  if (!std::isfinite(step.loss) || !std::isfinite(step.grad_norm)) fail_nonfinite(step);
  optimizer_.step(spec_.lr, step.grad_norm);
  progress_.kl += step.means.kl * double(step.means.documents);
  progress_.nll += step.means.nll * double(step.means.documents);
  progress_.seconds += seconds_since(start);
  return step;
}

void VampireEpochs::fail_nonfinite(const Step& step) const {
  const std::string tensor = nonfinite_tensor(model_.params());
  throw NonFiniteError(fmt::format(
      "epoch {}, step {}: the loss is {:g} (KL {:g}, weight {:g}; NLL {:g}), the norm of its gradient {:g}{}: {}",
      progress_.epochs + 1, step_in_epoch() + 1, step.loss, step.means.kl, step.kl_weight, step.means.nll,
      step.grad_norm, tensor.empty() ? "" : "; look at " + tensor, kNonFiniteAdvice));
}

VampireMeans VampireEpochs::evaluate() {
  model_.take_totals();
  for (int64_t first = 0; first < text_.dev.size(); first += spec_.batch_documents) {
    batch_.clear();
    for (int64_t d = first; d < std::min(first + spec_.batch_documents, text_.dev.size()); ++d)
      text_.dev.add(d, 0, batch_);
    model_.evaluate(batch_);
  }
  return means_of(model_.take_totals());
}

VampireEpochs::Epoch VampireEpochs::end_epoch() {
  const double start = steady_seconds(), documents = double(text_.train.size());
  Epoch epoch{
      .number = progress_.epochs + 1,
      .kl_weight = spec_.kl.weight(progress_.epochs),
      .seconds = progress_.seconds,
      .train = {.kl = progress_.kl / documents, .nll = progress_.nll / documents, .documents = text_.train.size()},
      .dev = evaluate(),
      .topics = topics_of(model_.topics(), model_.config().latent, text_.vocabulary, text_.dev, threads_)};
  const auto chosen = [&](const Topics& topics) {
    return spec_.npmi == NpmiReading::kStandard ? topics.npmi_standard : topics.npmi_vampire;
  };
  epoch.best = progress_.best_epoch == 0 || chosen(epoch.topics) > chosen(progress_.best);
  ++progress_.epochs;
  progress_.kl = progress_.nll = progress_.seconds = 0;
  if (epoch.best) {
    progress_.best_epoch = epoch.number;
    progress_.best = epoch.topics;
  }
  epoch.eval_seconds = seconds_since(start);
  return epoch;
}

StateBuffers VampireEpochs::buffers() {
  running_mean_ = model_.read(VampireBuffer::kRunningMean);
  running_variance_ = model_.read(VampireBuffer::kRunningVariance);
  return {.params = &model_.params(),
          .optimizer = &optimizer_,
          .more = {{"running_mean", &running_mean_}, {"running_variance", &running_variance_}}};
}

void VampireEpochs::loaded() {
  model_.write(VampireBuffer::kRunningMean, running_mean_);
  model_.write(VampireBuffer::kRunningVariance, running_variance_);
}

}  // namespace encore
