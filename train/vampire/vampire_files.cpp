#include "train/vampire/vampire_files.h"

#include <fmt/format.h>

#include <utility>

#include "kernels/base/clock.h"
#include "kernels/base/in_quotes.h"
#include "train/vampire/vampire_log.h"

namespace encore {

VampireFiles::VampireFiles(RunFolder& folder, VampireEpochs& epochs, RunState& state, const BagVocabulary& vocabulary,
                           const BagKind& bags, const RunOptions& options, std::function<void(const std::string&)> say)
    : folder_(folder),
      epochs_(epochs),
      state_(state),
      vocabulary_(vocabulary),
      bags_(bags),
      options_(options),
      say_(std::move(say)),
      policy_(options.on_save_error, [this](const std::string& line) { say_(line); }),
      log_(folder.path(), state.log),
      saved_at_(steady_seconds()) {
  if (state.step > 0) {
    saved_step_ = state.step;
    saved_epochs_ = epochs.progress().epochs;
  }
  policy_.attempt("config.json", [&] { folder_.write_files(); });
}

void VampireFiles::write_line(const nlohmann::ordered_json& line) {
  policy_.attempt("log.jsonl", [&] { log_.write(line); });
}

void VampireFiles::save_best() {
  unsaved_best_.reset();
  folder_.put(kTopicsFile, topics_text(epochs_.progress()));
  const bool saved = policy_.attempt("model/best", [&] {
    folder_.write([&] {
      folder_.check_in_place();
      save_model("best");
      folder_.write_files();
    });
  });
  if (!saved)
    unsaved_best_ = {.weights = KeptWeights(epochs_.model().params()),
                     .mean = epochs_.model().read(VampireBuffer::kRunningMean),
                     .variance = epochs_.model().read(VampireBuffer::kRunningVariance)};
}

// Throws IoError, and then keeps them.
void VampireFiles::write_unsaved_best() {
  if (!unsaved_best_) return;
  VampireModel& model = epochs_.model();
  const std::vector<float> mean = model.read(VampireBuffer::kRunningMean),
                           variance = model.read(VampireBuffer::kRunningVariance);
  const auto exchange = [&](const std::vector<float>& m, const std::vector<float>& v) {
    unsaved_best_->weights.exchange(model.params());
    model.write(VampireBuffer::kRunningMean, m);
    model.write(VampireBuffer::kRunningVariance, v);
  };
  exchange(unsaved_best_->mean, unsaved_best_->variance);
  try {
    save_model("best");
  } catch (...) {
    exchange(mean, variance);
    throw;
  }
  exchange(mean, variance);
  unsaved_best_.reset();
}

void VampireFiles::save_model(const std::string& which) {
  save_vampire_folder(folder_.model_dir(which), epochs_.model(), vocabulary_, bags_);
}

bool VampireFiles::saved() const {
  return !unsaved_best_ && saved_step_ == state_.step && saved_epochs_ == epochs_.progress().epochs;
}

bool VampireFiles::save_due() const {
  if (options_.save_every > 0 && state_.step % options_.save_every == 0 && saved_step_ != state_.step) return true;
  if (policy_.retry_due()) return true;
  return options_.save_minutes > 0 && seconds_since(saved_at_) >= options_.save_minutes * 60;
}

void VampireFiles::save() {
  saved_at_ = steady_seconds();
  policy_.attempt("state", [&] { folder_.write([&] { write_all(); }); });
}

void VampireFiles::save_at_end() {
  if (!saved()) policy_.insist("state", [&] { folder_.write([&] { write_all(); }); });
}

// The state comes last, so that model/best, model/last and the log are at least as new as it.
void VampireFiles::write_all() {
  if (policy_.goes_on() && !folder_.in_place()) {
    folder_.restore();
    log_.restore();
    // model/best went with the folder: the next epoch makes it anew.
    if (!unsaved_best_) epochs_.progress().best_epoch = 0;
  }
  folder_.check_in_place();
  folder_.write_files();
  write_unsaved_best();
  log_.sync();
  save_model("last");
  state_.log = log_.marks();
  state_.progress = to_json(epochs_.progress());
  save_state(folder_.state_dir(state_.step), state_, epochs_.buffers());
  saved_step_ = state_.step;
  saved_epochs_ = epochs_.progress().epochs;
  folder_.remove_old_states(options_.keep, -1);
  refresh_report(/*last=*/false);
}

void VampireFiles::refresh_report(bool last) {
  if (!options_.report) return;
  if (const std::string trouble = options_.report(last); !trouble.empty())
    say_(fmt::format("note: report.html could not be made: {}", trouble));
  else if (last)
    say_(fmt::format("report: {}", one_line(folder_.file("report.html"))));
}

}  // namespace encore
