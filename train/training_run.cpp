#include "train/training_run.h"

#include <fmt/format.h>

#include <cmath>

#include "kernels/base/clock.h"
#include "kernels/base/human.h"
#include "kernels/base/in_quotes.h"
#include "train/memory_use.h"
#include "train/profiler.h"
#include "train/saved_model.h"
#include "train/signals.h"

namespace encore {
namespace {

// Whether the loss is that of a uniform guess over the vocabulary, as with an untrained MLM head.
bool near_uniform(double loss, int64_t vocab_size) {
  return loss > 0.95 * std::log(double(vocab_size));
}

}  // namespace

TrainingRun::TrainingRun(Trainer& trainer, Reservation& reservation, const Evaluator* evaluator, Communicator& comm,
                         RunFolder* folder, const RunState& state, const RunOptions& options,
                         const Tokenizer& tokenizer)
    : trainer_(trainer),
      reservation_(reservation),
      evaluator_(evaluator && !evaluator->empty() ? evaluator : nullptr),
      comm_(comm),
      folder_(folder),
      state_(state),
      options_(options),
      tokenizer_(tokenizer),
      progress_(trainer.steps(), !comm.root(), options.log_seconds),
      policy_(options.on_save_error, [this](const std::string& line) { progress_.message(line); }),
      start_(steady_seconds()),
      last_save_(start_),
      first_step_(state.step),
      last_saved_step_(state.step > 0 ? state.step : -1) {
  if (folder_) log_ = std::make_unique<StepLog>(folder_->path(), state.log);
}

RunEnd TrainingRun::run() {
  try {
    return run_to_end();
  } catch (const NonFiniteError&) {
    throw;  // its message names the step
  } catch (const DeviceError& e) {
    throw DeviceError(fmt::format("after step {}: {}; {}", state_.step, e.what(), last_complete_state()));
  }
}

std::string TrainingRun::last_complete_state() const {
  if (last_saved_step_ <= 0) return "no state had been saved yet";
  if (!folder_) return fmt::format("the last complete state is that of step {}", last_saved_step_);
  return fmt::format("the last complete state is {}: continue with --output {} --resume",
                     folder_->state_dir(last_saved_step_), folder_->path());
}

RunEnd TrainingRun::run_to_end() {
  before_first_step();
  int stop = kGoOn;
  while (!trainer_.done() && stop == kGoOn) {
    const double start = steady_seconds();
    const StepResult result = [&] {
      const Profiler::Phase phase(options_.profiler, "step");
      return trainer_.run_step();
    }();
    record(result, seconds_since(start));
    stop = agree_on_stop();
    if (stop == kGoOn && eval_due(state_.step)) evaluate();
    if (stop == kGoOn && save_due()) save();
  }
  if (last_saved_step_ != state_.step || !trainer_.done() || unsaved_best_.step >= 0) save_at_end();
  const RunEnd end = stop == kAsked ? RunEnd::kSignal : stop == kTime ? RunEnd::kTimeUp : RunEnd::kFinished;
  report_end(end);
  return end;
}

// Every rank must leave the loop after the same step, so the strongest wish of any rank holds for all.
int TrainingRun::agree_on_stop() {
  const bool time_up = options_.max_hours > 0 && seconds_since(start_) >= options_.max_hours * 3600;
  return int(max_over_ranks(stop_signal() ? kAsked : comm_.root() && time_up ? kTime : kGoOn, comm_));
}

bool TrainingRun::eval_due(int64_t step) const {
  return step == trainer_.steps() || (options_.eval_every > 0 && step % options_.eval_every == 0);
}

bool TrainingRun::save_due() const {
  if (options_.save_every > 0 && state_.step % options_.save_every == 0) return true;
  if (policy_.retry_due()) return true;
  return options_.save_minutes > 0 && seconds_since(last_save_) >= options_.save_minutes * 60;
}

void TrainingRun::before_first_step() {
  if (folder_) policy_.attempt("config.json", [&] { folder_->write_files(); });
  sample_memory();
  if (state_.step == 0 && state_.last_eval_step < 0) {
    evaluate();
    const int64_t vocab = reservation_.model().config().vocab_size;
    if (evaluator_ && near_uniform(state_.first_eval_loss, vocab))
      progress_.message(fmt::format(
          "note: the MLM head is untrained: loss {:.3f} before training, ln V = {:.3f} is what guessing gives; "
          "these first steps train it",
          state_.first_eval_loss, std::log(double(vocab))));
  } else if (state_.last_eval_step != state_.step && eval_due(state_.step)) {
    evaluate();  // the run was stopped between the step and its evaluation
  }
}

void TrainingRun::record(const StepResult& r, double seconds) {
  state_.step = r.step;
  state_.seconds += seconds;
  state_.tokens += r.tokens;
  state_.flops += r.flops;
  state_.skipped = trainer_.skipped();
  state_.skipped_in_row = trainer_.skipped_in_row();
  session_tokens_ += r.tokens;
  session_flops_ += r.flops;
  step_seconds_ += seconds;
  if (r.step > first_step_ + 1) idle_seconds_ += r.idle;  // the first step's batch is made while nothing else runs
  recent_seconds_ = recent_seconds_ == 0 ? seconds : 0.9 * recent_seconds_ + 0.1 * seconds;
  sample_memory();
  // If the device works ahead, the last result comes at once, so the rate is taken over two steps.
  const double rate = double(r.tokens + before_.tokens) / (seconds + before_.seconds);
  if (trainer_.works_ahead()) before_ = {r.tokens, seconds};
  nlohmann::ordered_json line{{"step", r.step},
                              {"epoch", r.epoch},
                              {"loss", r.loss},
                              {"accuracy", double(r.correct) / double(std::max<int64_t>(1, r.targets))},
                              {"lr", r.lr},
                              {"grad_norm", r.grad_norm},
                              {"tokens", r.tokens},
                              {"targets", r.targets},
                              {"skipped", state_.skipped},
                              {"tokens_per_second", rate},
                              {"seconds", state_.seconds}};
  if (trainer_.works_ahead()) line["idle_seconds"] = r.idle;
  write_line(line);
  if (!r.skipped.empty()) progress_.message(fmt::format("step left out ({} so far): {}", state_.skipped, r.skipped));
  progress_.step({.step = r.step,
                  .epoch = r.epoch,
                  .loss = r.loss,
                  .lr = r.lr,
                  .grad_norm = r.grad_norm,
                  .tokens_per_second = rate,
                  .seconds_left = recent_seconds_ * double(trainer_.steps() - r.step)});
}

void TrainingRun::evaluate() {
  if (!evaluator_) return;
  const double start = steady_seconds();
  const EvalResult result = [&] {
    const Profiler::Phase phase(options_.profiler, "evaluation");
    return evaluator_->run(reservation_, comm_);
  }();
  state_.last_eval_step = state_.step;
  state_.last_eval_loss = result.loss;
  if (state_.step == 0) state_.first_eval_loss = result.loss;
  sample_memory();
  write_line({{"step", state_.step},
              {"eval_name", options_.eval_name},
              {"eval_loss", result.loss},
              {"eval_perplexity", std::exp(result.loss)},
              {"eval_accuracy", result.accuracy},
              {"eval_targets", result.targets},
              {"eval_tokens", result.tokens},
              {"eval_seconds", seconds_since(start)}});
  const bool best = result.measured() && keep_if_best(result.loss);
  if (state_.step == 0 && !result.doubt().empty())
    progress_.message(fmt::format("warning: {}: {}", options_.eval_name, result.doubt()));
  if (!result.measured()) return;
  progress_.message(fmt::format("{}: step {}  loss {:.4f}  perplexity {:.2f}  accuracy {:.1f} %  ({} targets){}",
                                options_.eval_name, state_.step, result.loss, std::exp(result.loss),
                                100 * result.accuracy, with_commas(result.targets), best ? "  best so far" : ""));
}

// The initial weights are no candidate, since this run did not make them.
bool TrainingRun::keep_if_best(double loss) {
  if (state_.step == 0 || !(loss < std::min(state_.best_loss, unsaved_best_.loss))) return false;
  unsaved_best_ = {};
  if (!folder_ || policy_.attempt("model/best", [&] { folder_->write([&] { save_hf("best"); }); })) {
    state_.best_loss = loss;
    state_.best_step = state_.step;
    return true;
  }
  unsaved_best_ = {.loss = loss, .step = state_.step, .weights = KeptWeights(reservation_.model().params())};
  return true;
}

// Throws IoError, and then keeps them.
void TrainingRun::write_unsaved_best() {
  if (unsaved_best_.step < 0) return;
  ParamStore& params = reservation_.model().params();
  unsaved_best_.weights.exchange(params);
  try {
    folder_->write([&] { save_hf("best"); });
  } catch (...) {
    unsaved_best_.weights.exchange(params);
    throw;
  }
  unsaved_best_.weights.exchange(params);
  state_.best_loss = unsaved_best_.loss;
  state_.best_step = unsaved_best_.step;
  unsaved_best_ = {};
}

void TrainingRun::write_line(const nlohmann::ordered_json& line) {
  if (log_) policy_.attempt("log.jsonl", [&] { log_->write(line); });
}

void TrainingRun::save() {
  last_save_ = steady_seconds();
  if (folder_) policy_.attempt("config.json", [&] { folder_->write_files(); });
  if (folder_ && unsaved_best_.step >= 0) policy_.attempt("model/best", [&] { write_unsaved_best(); });
  if (folder_ && !policy_.attempt("state", [&] { folder_->write([&] { write_state(); }); })) return;
  last_saved_step_ = state_.step;
}

void TrainingRun::save_at_end() {
  if (folder_) {
    std::exception_ptr no_best;
    try {
      policy_.insist("model/best", [&] { write_unsaved_best(); });
    } catch (const IoError&) {
      no_best = std::current_exception();  // the state is worth more
    }
    policy_.insist("state", [&] { folder_->write([&] { write_state(); }); });
    if (no_best) std::rethrow_exception(no_best);
  }
  last_saved_step_ = state_.step;
}

// Writes the state last, so that model/last and the log are at least as new as it.
void TrainingRun::write_state() {
  if (policy_.goes_on() && !folder_->in_place()) {
    folder_->restore();
    log_->restore();
    // model/best went with the folder: the next best evaluation makes it anew.
    state_.best_loss = std::numeric_limits<double>::infinity();
    state_.best_step = -1;
  }
  folder_->check_in_place();
  folder_->write_files();
  const Profiler::Phase phase(options_.profiler, "saving");
  log_->sync();
  state_.log = log_->marks();
  save_hf("last");
  save_state(folder_->state_dir(state_.step), state_,
             {.params = &reservation_.model().params(), .optimizer = &trainer_.optimizer()});
  folder_->remove_old_states(options_.keep, state_.best_step);
  refresh_report(/*last=*/false);
}

void TrainingRun::refresh_report(bool last) {
  if (!options_.report) return;
  const std::string trouble = options_.report(last);
  if (!trouble.empty())
    progress_.message(fmt::format("note: report.html could not be made: {}", trouble));
  else if (last)
    progress_.message(fmt::format("report: {}", one_line(folder_->file("report.html"))));
}

void TrainingRun::save_hf(const std::string& which) {
  const Profiler::Phase phase(options_.profiler, "saving");
  folder_->check_in_place();
  save_model_folder(folder_->model_dir(which), reservation_.model(), tokenizer_, options_.save_dtype);
}

void TrainingRun::sample_memory() {
  peak_anonymous_.sample();
}

void TrainingRun::report_end(RunEnd end) {
  progress_.finish();
  const int64_t steps = state_.step - first_step_;
  const std::string where = folder_ ? one_line(folder_->path()) : "";
  if (end == RunEnd::kSignal)
    progress_.message(fmt::format("stopped by {} after step {} of {}: saved; continue with --output {} --resume",
                                  stopped_by(), state_.step, trainer_.steps(), where));
  if (end == RunEnd::kTimeUp)
    progress_.message(fmt::format("--max-hours is over after step {} of {}: saved; continue with --output {} --resume",
                                  state_.step, trainer_.steps(), where));
  if (steps > 0)
    progress_.message(fmt::format("{} steps, {} tokens in {}: {} tokens/s, {:.1f} GFLOP/s of the model", steps,
                                  with_commas(session_tokens_), human_time(step_seconds_),
                                  with_commas(std::llround(double(session_tokens_) / step_seconds_)),
                                  session_flops_ / step_seconds_ * 1e-9));
  if (steps > 1 && trainer_.works_ahead())
    progress_.message(fmt::format("the device worked for {:.1f} % of that; else it waited for batches",
                                  100 * (1 - idle_seconds_ / step_seconds_)));
  progress_.message(fmt::format("peak memory: {} anonymous (plan {}), {} with mapped files",
                                human_bytes(double(peak_anonymous_.bytes())),
                                human_bytes(double(options_.planned_bytes)), human_bytes(double(memory_use().peak))));
  if (evaluator_ && state_.best_step > 0)
    progress_.message(fmt::format("{} loss: before {:.4f}  now {:.4f} (step {})  best {:.4f} (step {})",
                                  options_.eval_name, state_.first_eval_loss, state_.last_eval_loss,
                                  state_.last_eval_step, state_.best_loss, state_.best_step));
  refresh_report(/*last=*/true);
  if (folder_)
    progress_.message(fmt::format("model: {}", one_line(folder_->model_dir(state_.best_step > 0 ? "best" : "last"))));
}

}  // namespace encore
