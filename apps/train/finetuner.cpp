#include "apps/train/finetuner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>

#include "apps/train/profiler.h"
#include "data/batching.h"
#include "kernels/base/atomic_file.h"
#include "model/checkpoint.h"

namespace encore {
namespace {

using Rows = std::vector<int64_t>;

// Cuts rows, in order, into pieces of at most `budget` tokens (one row at least).
std::vector<Rows> cut_by_tokens(const ClassificationSet& set, const Rows& rows, int64_t budget) {
  std::vector<Rows> pieces;
  int64_t tokens = 0;
  for (int64_t row : rows) {
    if (pieces.empty() || tokens + set.length(row) > budget) {
      pieces.emplace_back();
      tokens = 0;
    }
    pieces.back().push_back(row);
    tokens += set.length(row);
  }
  return pieces;
}

int64_t longest_row(const ClassificationSet& set) {
  int64_t longest = 0;
  for (int64_t i = 0; i < set.size(); ++i) longest = std::max(longest, set.length(i));
  return longest;
}

// Everything that one seed needs, from fresh weights to its scores.
class SeedRun {
 public:
  SeedRun(const FinetuneOptions& options, const LabelledData& data, Backend& backend, uint64_t seed)
      : options_(options), data_(data), seed_(seed) {
    RobertaConfig config = load_config(options.model_dir);
    config.labels = data.labels.names();
    model_ = make_classifier(config, data.labels.size(), backend, options.dtype, Mode::kTraining);
    report_ = load_weights(options.model_dir, model_->params(), config, seed);
    int64_t budget = options.tokens_per_batch;
    for (const ClassificationSet* set : {&data.train, &data.dev, &data.test})
      budget = std::max(budget, longest_row(*set));
    model_->reserve({.tokens = budget, .sequences = budget / 2 + 1, .targets = 0}, Mode::kTraining);
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
    const Permutation order(uint64_t(data_.train.size()), seed_, uint64_t(epoch));
    double loss = 0;
    for (int64_t first = 0; first < data_.train.size(); first += options_.batch_size) {
      Rows rows;
      for (int64_t i = first; i < std::min(first + options_.batch_size, data_.train.size()); ++i)
        rows.push_back(int64_t(order(uint64_t(i))));
      loss += step(rows, uint64_t(epoch));
    }
    return loss / double(data_.train.size());
  }

  Scores evaluate(const ClassificationSet& set) {
    const Profiler::Phase phase(options_.profiler, "evaluation");
    return score(set.label, classify(*model_, set, options_.tokens_per_batch, model_->config().pad_token_id),
                 data_.labels.size());
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
  double step(const Rows& rows, uint64_t epoch) {
    const Profiler::Phase phase(options_.profiler, "step");
    model_->params().zero_gradients();
    for (const Rows& piece : cut_by_tokens(data_.train, rows, options_.tokens_per_batch))
      model_->forward_backward(make_classification_batch(data_.train, piece, epoch, model_->config().pad_token_id),
                               1.0f / float(rows.size()), seed_);
    const double norm = optimizer_->gradient_norm();
    const LossTotals totals = model_->take_totals();
    if (!std::isfinite(norm) || !std::isfinite(totals.loss_sum))
      throw DeviceError(
          fmt::format("seed {}, step {}: the loss or gradient is not finite; lower --lr", seed_, optimizer_->steps()));
    optimizer_->step(schedule_.at(optimizer_->steps()), norm);
    return totals.loss_sum;
  }

  const FinetuneOptions& options_;
  const LabelledData& data_;
  uint64_t seed_;
  std::unique_ptr<Model> model_;
  LoadReport report_;
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  int64_t steps_per_epoch_ = 0;
  std::vector<float> best_;
};

SeedResult run_seed(SeedRun& run, const FinetuneOptions& options, const LabelledData& data, uint64_t seed,
                    std::ofstream& log) {
  SeedResult result{.seed = seed};
  double best = -1;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    const double loss = run.train_epoch(epoch);
    const Scores dev = run.evaluate(data.dev);
    const double value = dev.by_name(options.metric);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    log << nlohmann::json{{"seed", seed},
                          {"epoch", epoch + 1},
                          {"loss", loss},
                          {"seconds", seconds},
                          {"dev_accuracy", dev.accuracy},
                          {"dev_macro_f1", dev.macro_f1},
                          {"dev_micro_f1", dev.micro_f1}}
               .dump()
        << std::endl;
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

}  // namespace

nlohmann::json SeedResult::to_json(const std::vector<std::string>& labels, bool with_test) const {
  nlohmann::json out{{"seed", seed}, {"best_epoch", best_epoch}, {"dev", dev.to_json(labels)}};
  if (with_test) out["test"] = test.to_json(labels);
  return out;
}

std::vector<int32_t> classify(Model& model, const ClassificationSet& set, int64_t tokens_per_batch, int32_t pad_id,
                              std::vector<float>* probabilities) {
  Rows rows(static_cast<size_t>(set.size()));
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) { return set.length(a) < set.length(b); });
  const size_t labels = model.config().labels.size();
  std::vector<int32_t> predicted(rows.size());
  if (probabilities) probabilities->assign(rows.size() * labels, 0);
  std::vector<float> logits;
  for (const Rows& piece : cut_by_tokens(set, rows, tokens_per_batch)) {
    model.logits(make_classification_batch(set, piece, 0, pad_id), logits);
    for (size_t i = 0; i < piece.size(); ++i) {
      const float* row = logits.data() + i * labels;
      const float* top = std::max_element(row, row + labels);
      predicted[size_t(piece[i])] = int32_t(top - row);
      if (!probabilities) continue;
      double sum = 0;
      for (size_t c = 0; c < labels; ++c) sum += std::exp(double(row[c]) - *top);
      for (size_t c = 0; c < labels; ++c)
        (*probabilities)[size_t(piece[i]) * labels + c] = float(std::exp(double(row[c]) - *top) / sum);
    }
  }
  return predicted;
}

nlohmann::json finetune(const FinetuneOptions& options, const LabelledData& data, const Tokenizer& tokenizer,
                        Backend& backend) {
  std::filesystem::create_directories(options.output_dir);
  std::ofstream log(options.output_dir + "/log.jsonl");
  if (!log) fail_io("{}/log.jsonl cannot be written", options.output_dir);
  const bool with_test = data.test.size() > 0;
  std::vector<SeedResult> results;
  nlohmann::json seeds = nlohmann::json::array();
  double best = -1;
  for (int s = 0; s < options.seeds; ++s) {
    const uint64_t seed = options.first_seed + uint64_t(s);
    SeedRun run(options, data, backend, seed);
    if (s == 0) fmt::print("{}\n", run.report().summary());
    const SeedResult result = run_seed(run, options, data, seed, log);
    const double value = result.dev.by_name(options.metric);
    if (value > best) {
      best = value;
      const Profiler::Phase phase(options.profiler, "saving");
      save_model(options.output_dir + "/model", run.model());
      tokenizer.save(options.output_dir + "/model", int(run.model().config().max_length()));
    }
    results.push_back(result);
    seeds.push_back(result.to_json(data.labels.names(), with_test));
  }
  nlohmann::json out{
      {"metric", options.metric}, {"labels", data.labels.names()}, {"seeds", seeds}, {"dev", summary(results, false)}};
  if (with_test) out["test"] = summary(results, true);
  write_file_atomic(options.output_dir + "/results.json", out.dump(2) + "\n");
  return out;
}

}  // namespace encore
