#include "train/finetuner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>

#include "data/sequences/batching.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/atomic_folder.h"
#include "kernels/base/clock.h"
#include "kernels/base/human.h"
#include "kernels/base/softmax.h"
#include "model/checkpoint.h"
#include "model/checksums.h"
#include "train/memory_use.h"
#include "train/nonfinite.h"
#include "train/profiler.h"
#include "train/row_batches.h"
#include "train/step_log.h"
#include "train/step_sums.h"

namespace encore {
namespace {

std::string row_names(const Rows& rows) {
  constexpr size_t kNamed = 20;
  std::string names;
  for (size_t i = 0; i < std::min(kNamed, rows.size()); ++i) names += fmt::format("{}{}", i ? ", " : "", rows[i] + 1);
  return rows.size() > kNamed ? fmt::format("{} and {} more", names, rows.size() - kNamed) : names;
}

// Everything that one seed needs, from fresh weights to its scores.
class SeedRun {
 public:
  SeedRun(const FinetuneOptions& options, const LabelledData& data, Backend& backend, uint64_t seed)
      : options_(options), data_(data), seed_(seed) {
    EncoderConfig config = load_config(options.model_dir);
    config.labels = data.labels.names();
    model_ = make_classifier(config, data.labels.size(), backend, options.dtype, Mode::kTraining);
    report_ = load_weights(options.model_dir, model_->params(), config, seed);
    model_->reserve(options.capacity, Mode::kTraining);
    optimizer_ = std::make_unique<Optimizer>(model_->params(), options.adamw);
    steps_per_epoch_ = (data.train.size() + options.batch_size - 1) / options.batch_size;
    schedule_ = options.schedule;
    schedule_.total_steps = steps_per_epoch_ * options.epochs;
    schedule_.warmup_steps = warmup_steps(options.warmup_ratio, schedule_.total_steps);
  }

  const LoadReport& report() const { return report_; }
  Model& model() { return *model_; }

  // Mean training loss of the epoch, nats a row.
  double train_epoch(int epoch) {
    double loss = 0;
    try {
      const bool ahead = model_->params().backend().asynchronous();
      for (int64_t first = 0; first < data_.train.size(); first += options_.batch_size)
        loss += ahead ? step_ahead(first, uint64_t(epoch)) : step(rows_from(first, uint64_t(epoch)), uint64_t(epoch));
    } catch (const NonFiniteError&) {
      throw;  // names its step
    } catch (const DeviceError& e) {
      throw DeviceError(
          fmt::format("seed {}, epoch {}, step {}: {}", seed_, epoch + 1, optimizer_->steps() + 1, e.what()));
    }
    return loss / double(data_.train.size());
  }

  Scores evaluate(const ClassificationSet& set) {
    const Profiler::Phase phase(options_.profiler, "evaluation");
    return score(set.label, classify(*model_, set, options_.capacity.tokens), data_.labels.size());
  }

  void remember() {
    best_.resize(size_t(model_->params().length()));
    model_->params().backend().copy_to_host(best_.data(), model_->params().weights().data, best_.size() * 4);
  }
  void restore() {
    model_->params().backend().copy_to_device(model_->params().weights().data, best_.data(), best_.size() * 4);
    model_->params().weights_changed();
  }

 private:
  // A step whose passes are on their way on the device.
  struct UnderWay {
    Rows rows;
    int place = 0;  // of its sums
  };

  Rows rows_from(int64_t first, uint64_t epoch) const {
    return training_rows(data_.train, first, options_.batch_size, seed_, epoch);
  }

  void passes(const Rows& rows, uint64_t epoch) {
    model_->params().zero_gradients();
    for (const Rows& piece : cut_by_tokens(data_.train, rows, options_.tokens_per_batch))
      model_->forward_backward(make_classification_batch(data_.train, piece, epoch), 1.0f / float(rows.size()), seed_);
  }

  // Summed loss of the step, nats.
  double step(const Rows& rows, uint64_t epoch) {
    const Profiler::Phase phase(options_.profiler, "step");
    passes(rows, epoch);
    const double norm = optimizer_->gradient_norm();
    const LossTotals totals = model_->take_totals();
    const double lr = schedule_.at(optimizer_->steps());
    if (!std::isfinite(norm) || !std::isfinite(totals.loss_sum)) {
      const std::string tensor = nonfinite_tensor(model_->params());
      throw NonFiniteError(fmt::format(
          "seed {}, epoch {}, step {}: the {} is not finite (loss {}, gradient norm {}, lr {:g}){}; rows of "
          "the batch, counted from 1: {}: lower --lr",
          seed_, epoch + 1, optimizer_->steps() + 1, std::isfinite(totals.loss_sum) ? "gradient" : "loss",
          totals.loss_sum / double(rows.size()), norm, lr, tensor.empty() ? "" : ", from " + tensor, row_names(rows)));
    }
    optimizer_->step(lr, norm);
    return totals.loss_sum;
  }

  UnderWay launch(int64_t first, uint64_t epoch) {
    UnderWay step{.rows = rows_from(first, epoch)};
    passes(step.rows, epoch);
    optimizer_->measure();
    step.place = sums_->take(model_->loss_sum(), model_->correct(), optimizer_->squares());
    model_->clear_totals();
    return step;
  }

  // The same with the device a step ahead, as in Trainer::run_ahead: it has the passes of the epoch's next step to do
  // when this one's sums are looked at. Where they are not finite the update changed nothing, and the step is computed
  // once more, to name where they come from.
  double step_ahead(int64_t first, uint64_t epoch) {
    const Profiler::Phase phase(options_.profiler, "step");
    if (!sums_) sums_ = std::make_unique<StepSums>(model_->params().backend());
    const UnderWay now = under_way_ ? std::move(*under_way_) : launch(first, epoch);
    under_way_.reset();
    optimizer_->update(schedule_.at(optimizer_->steps()), sums_->loss());
    const int64_t next = first + options_.batch_size;
    if (next < data_.train.size()) under_way_ = launch(next, epoch);
    const StepSums::Values sums = sums_->read(now.place);
    if (std::isfinite(sums.loss) && std::isfinite(sums.squares)) return sums.loss;
    under_way_.reset();
    optimizer_->set_steps(optimizer_->steps() - 1);
    return step(now.rows, epoch);
  }

  const FinetuneOptions& options_;
  const LabelledData& data_;
  uint64_t seed_;
  std::unique_ptr<Model> model_;
  LoadReport report_;
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  int64_t steps_per_epoch_ = 0;
  std::unique_ptr<StepSums> sums_;
  std::optional<UnderWay> under_way_;
  std::vector<float> best_;
};

SeedResult run_seed(SeedRun& run, const FinetuneOptions& options, const LabelledData& data, uint64_t seed,
                    AppendFile& log) {
  SeedResult result{.seed = seed};
  double best = -1;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    const double start = steady_seconds();
    const double loss = run.train_epoch(epoch);
    const Scores dev = run.evaluate(data.dev);
    const double value = dev.by_name(options.metric);
    const double seconds = seconds_since(start);
    log.append(nlohmann::json{{"seed", seed},
                              {"epoch", epoch + 1},
                              {"loss", loss},
                              {"seconds", seconds},
                              {"dev_accuracy", dev.accuracy},
                              {"dev_macro_f1", dev.macro_f1},
                              {"dev_micro_f1", dev.micro_f1}}
                   .dump() +
               "\n");
    log.flush();
    fmt::print("seed {}  epoch {}/{}  loss {:.4f}  dev {} {:.4f}  {:.1f} s\n", seed, epoch + 1, options.epochs, loss,
               options.metric, value, seconds);
    std::fflush(stdout);
    if (value > best) {
      best = value;
      result.best_epoch = epoch + 1;
      result.dev = dev;
      run.remember();
    } else if (options.patience > 0 && epoch + 1 - result.best_epoch >= options.patience) {
      break;
    }
  }
  run.restore();
  if (data.test.size() > 0) result.test = run.evaluate(data.test);
  return result;
}

nlohmann::json summary(const std::vector<SeedResult>& results, bool on_test) {
  nlohmann::json out = nlohmann::json::object();
  const auto add = [&](const char* name, double Scores::*member) {
    std::vector<double> values;
    values.reserve(results.size());
    for (const SeedResult& r : results) values.push_back((on_test ? r.test : r.dev).*member);
    out[name] = mean_std(values).to_json();
  };
  add("accuracy", &Scores::accuracy);
  add("macro_f1", &Scores::macro_f1);
  add("micro_f1", &Scores::micro_f1);
  add("weighted_f1", &Scores::weighted_f1);
  return out;
}

void make_output(const FinetuneOptions& options) {
  std::error_code error;
  std::filesystem::create_directories(options.output_dir, error);
  if (error) fail_io("{}: the folder cannot be made: {}", options.output_dir, error.message());
  recover_folders(options.output_dir);
  write_file_atomic(options.output_dir + "/config.json", options.flags);
}

}  // namespace

nlohmann::json SeedResult::to_json(const std::vector<std::string>& labels, bool with_test) const {
  nlohmann::json out{{"seed", seed}, {"best_epoch", best_epoch}, {"dev", dev.to_json(labels)}};
  if (with_test) out["test"] = test.to_json(labels);
  return out;
}

std::vector<int32_t> classify(Model& model, const ClassificationSet& set, int64_t tokens_per_batch,
                              std::vector<float>* probabilities) {
  const Rows rows = rows_by_length(set);
  const size_t labels = model.config().labels.size();
  std::vector<int32_t> predicted(rows.size());
  if (probabilities) probabilities->assign(rows.size() * labels, 0);
  std::vector<float> logits;
  for (const Rows& piece : cut_by_tokens(set, rows, tokens_per_batch)) {
    model.logits(make_classification_batch(set, piece, 0), logits);
    for (size_t i = 0; i < piece.size(); ++i) {
      const Softmax softmax({logits.data() + i * labels, labels});
      predicted[size_t(piece[i])] = int32_t(softmax.argmax());
      for (size_t c = 0; probabilities && c < labels; ++c)
        (*probabilities)[size_t(piece[i]) * labels + c] = float(softmax[c]);
    }
  }
  return predicted;
}

nlohmann::json finetune(const FinetuneOptions& options, const LabelledData& data, const Tokenizer& tokenizer,
                        Backend& backend) {
  const bool with_test = data.test.size() > 0;
  std::vector<SeedResult> results;
  nlohmann::json seeds = nlohmann::json::array();
  double best = -1;
  size_t peak = 0;
  std::optional<AppendFile> log;
  for (int s = 0; s < options.seeds; ++s) {
    const uint64_t seed = options.first_seed + uint64_t(s);
    SeedRun run(options, data, backend, seed);
    if (s == 0) {
      // Not before the checkpoint is loaded: one that is refused leaves nothing behind.
      make_output(options);
      log.emplace(options.output_dir + "/log.jsonl", 0);
      fmt::print("{}\n", run.report().summary());
    }
    const SeedResult result = run_seed(run, options, data, seed, *log);
    peak = std::max(peak, memory_use().anonymous);
    const double value = result.dev.by_name(options.metric);
    if (value > best) {
      best = value;
      const Profiler::Phase phase(options.profiler, "saving");
      AtomicFolder folder(options.output_dir + "/model");
      save_model(folder.temporary_path(), run.model());
      tokenizer.save(folder.temporary_path(), int(run.model().config().max_length()));
      write_checksums(folder.temporary_path());
      folder.commit();
    }
    results.push_back(result);
    seeds.push_back(result.to_json(data.labels.names(), with_test));
  }
  fmt::print("peak memory: {} anonymous (plan {})\n", human_bytes(double(peak)),
             human_bytes(double(options.planned_bytes)));
  nlohmann::json out{
      {"metric", options.metric}, {"labels", data.labels.names()}, {"seeds", seeds}, {"dev", summary(results, false)}};
  if (with_test) out["test"] = summary(results, true);
  write_file_atomic(options.output_dir + "/results.json", out.dump(2) + "\n");
  return out;
}

}  // namespace encore
