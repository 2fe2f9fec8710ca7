#include "train/finetuning.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "kernels/base/atomic_file.h"
#include "kernels/base/atomic_folder.h"
#include "kernels/base/check.h"
#include "kernels/base/clock.h"
#include "kernels/base/hash.h"
#include "kernels/base/human.h"
#include "model/checkpoint.h"
#include "model/checksums.h"
#include "optim/device_communicator.h"
#include "train/classifier_memory.h"
#include "train/finetune_results.h"
#include "train/memory_use.h"
#include "train/resume.h"
#include "train/seed_run.h"
#include "train/signals.h"

namespace encore {
namespace {

uint64_t fingerprint_of(const ClassificationSet& set, uint64_t seed) {
  Hasher hash(seed);
  hash.add(set.tokens.data(), set.tokens.size() * sizeof(set.tokens[0]));
  hash.add(set.offset.data(), set.offset.size() * sizeof(set.offset[0]));
  hash.add(set.label.data(), set.label.size() * sizeof(set.label[0]));
  return hash.digest();
}

class Finetuning {
 public:
  Finetuning(FinetuneSpec spec, Communicator& processes)
      : spec_(std::move(spec)),
        tokenizer_(Tokenizer::load(spec_.model_dir)),
        device_(open(processes)),
        devices_(over_devices(processes, *device_.backend)),
        comm_(devices_ ? *devices_ : processes),
        profiler_(comm_.root() ? make_profiler(spec_.profile, device_) : nullptr),
        policy_(spec_.run.on_save_error, [](const std::string& line) { fmt::print("{}\n", line); }) {}

  RunEnd run();

 private:
  Device open(Communicator& processes) {
    for (const std::string& note : tokenizer_.notes())
      if (processes.root()) fmt::print(stderr, "note: {}\n", note);
    check_vocabulary(spec_.model, tokenizer_, spec_.model_dir);
    return open_device(spec_.device, threads_for_rank(processes), processes.local_rank(), processes.local_size());
  }
  RunEnd run_seeds(const SeedRun::Shared&);
  bool run_seed(SeedRun&);  // false: stopped
  void open_output(SeedRun& first);
  void continue_seed(const SeedRun::Shared&, std::unique_ptr<SeedRun>&);
  void log_step(const SeedRun&, const StepResult&);
  void log_epoch(const SeedRun&, const SeedRun::Epoch&);
  void end_seed(SeedRun&);
  void end_run();
  bool stop_wanted();
  bool save_due() const;
  void save(SeedRun* under_way);

  FinetuneSpec spec_;
  Tokenizer tokenizer_;
  Device device_;
  std::unique_ptr<Communicator> devices_;  // if each of several ranks has a device
  Communicator& comm_;
  std::unique_ptr<Profiler> profiler_;
  SavePolicy policy_;
  LabelledData data_;
  std::optional<RunFolder> folder_;  // rank 0's
  std::unique_ptr<StepLog> log_;     // likewise
  RunState state_;                   // state_.step is the seed's own
  FinetuneProgress progress_;
  double saved_at_ = steady_seconds();
  size_t planned_bytes_ = 0, peak_ = 0;
};

RunEnd Finetuning::run() {
  if (const std::string done = spec_.output.folder + "/results.json";
      spec_.output.resume && std::filesystem::exists(done)) {
    fmt::print("{} is complete:\n", spec_.output.folder);
    std::ifstream in(done);
    print_results(nlohmann::json::parse(in));
    return RunEnd::kFinished;
  }
  data_ = read_labelled_data(spec_.rows, tokenizer_, device_.threads);
  fmt::print("{}{}\n", device_.description(), comm_.size() > 1 ? "; " + comm_.description() : "");
  const ClassifierMemory memory = plan_finetune(spec_, device_, data_, comm_);
  planned_bytes_ = memory.plan.total();
  fmt::print("\nMemory plan, micro-batches of {} tokens\n{}\n\n", memory.capacity.tokens, to_text(memory.plan));
  state_ = {.train_fingerprint = fingerprint_of(data_.train, tokenizer_.fingerprint()),
            .eval_fingerprint = fingerprint_of(data_.test, fingerprint_of(data_.dev, 0))};
  const RunEnd end = run_seeds({.spec = spec_,
                                .data = data_,
                                .backend = *device_.backend,
                                .dtype = device_.dtype,
                                .capacity = memory.capacity,
                                .comm = comm_,
                                .profiler = profiler_.get()});
  if (profiler_) profiler_->finish(stdout);
  return end;
}

RunEnd Finetuning::run_seeds(const SeedRun::Shared& shared) {
  // The checkpoint is loaded before the folder is created, so that a refused one leaves nothing behind.
  auto seed = std::make_unique<SeedRun>(shared, spec_.first_seed);
  state_.model_fingerprint = layout_fingerprint(seed->model().params());
  fmt::print("{}\n", seed->report().summary());
  open_output(*seed);
  if (spec_.output.resume) continue_seed(shared, seed);
  if (folder_) {
    folder_->remove_other_events(state_.events_file);
    log_ = std::make_unique<StepLog>(folder_->path(), state_.log_bytes, state_.events_file, state_.events_bytes);
  }
  std::fflush(stdout);
  while (int(progress_.results.size()) < spec_.seeds) {
    if (!seed) seed = std::make_unique<SeedRun>(shared, spec_.first_seed + progress_.results.size());
    if (!run_seed(*seed)) {
      if (folder_) policy_.insist("state", [&] { folder_->write([&] { save(seed.get()); }); });
      fmt::print("stopped by {} in seed {} after {} of its epochs: saved; continue with --output {} --resume\n",
                 stop_signal() ? fmt::format("SIG{}", ::sigabbrev_np(stop_signal())) : "a signal to another rank",
                 seed->seed(), seed->progress().epochs, spec_.output.folder);
      return RunEnd::kSignal;
    }
    end_seed(*seed);
    seed.reset();
    if (int(progress_.results.size()) < spec_.seeds && folder_)
      policy_.attempt("state", [&] { folder_->write([&] { save(nullptr); }); });
  }
  end_run();
  return RunEnd::kFinished;
}

bool Finetuning::run_seed(SeedRun& run) {
  while (!run.over()) {
    if (run.epoch_complete()) {
      log_epoch(run, run.end_epoch());
      continue;
    }
    const StepResult result = run.step();
    if (!result.skipped.empty()) run.erase_display();
    log_step(run, result);
    if (stop_wanted()) {
      run.erase_display();
      return false;
    }
    if (save_due() && folder_) policy_.attempt("state", [&] { folder_->write([&] { save(&run); }); });
  }
  return true;
}

void Finetuning::open_output(SeedRun& first) {
  nlohmann::json config = spec_.output.config;
  config["dtype"] = std::string(name_of(device_.dtype));
  config["seq-length"] = spec_.rows.max_length;
  if (!comm_.root()) return;
  if (!spec_.output.resume) {
    folder_.emplace(RunFolder::create(spec_.output.folder));
    folder_->write_config(config.dump(2) + "\n");
  } else {
    folder_.emplace(RunFolder::reopen(spec_.output.folder));
    const std::string file = folder_->file("config.json");
    if (std::filesystem::exists(file)) {
      std::ifstream in(file);
      check_same_config(spec_.output.by_own_names(nlohmann::json::parse(in)), config, spec_.output.fixed_on_resume,
                        file);
    } else {
      folder_->write_config(config.dump(2) + "\n");
    }
  }
}

// Continues from a state if there is one; else the run starts at its beginning.
void Finetuning::continue_seed(const SeedRun::Shared& shared, std::unique_ptr<SeedRun>& seed) {
  const RunFolder* own = folder_ ? &*folder_ : nullptr;
  const int64_t from = state_to_resume(own, spec_.output.resume_from, comm_);
  if (from < 0) return;
  state_ = continue_from(spec_.output.folder, from, own, state_, [&](const std::string& dir, const RunState& saved) {
    SeedProgress of_seed;
    progress_ = finetune_progress_from_json(saved.progress, dir, of_seed);
    if (!progress_.results.empty()) seed.reset();
    if (int(progress_.results.size()) == spec_.seeds) return;
    if (!seed) seed = std::make_unique<SeedRun>(shared, spec_.first_seed + progress_.results.size());
    if (saved.step == 0) return;
    load_state(dir, saved, seed->buffers());
    seed->progress() = of_seed;
    seed->trainer().set_skipped(saved.skipped, saved.skipped_in_row);
  });
  fmt::print("resumed from {}/state/step-{}\n", spec_.output.folder, from);
}

void Finetuning::log_step(const SeedRun& run, const StepResult& r) {
  state_.step = r.step;
  ++progress_.steps;
  state_.tokens += r.tokens;
  state_.flops += r.flops;
  peak_ = std::max(peak_, memory_use().anonymous);
  if (!r.skipped.empty()) fmt::print("step left out: {}\n", r.skipped);
  if (!log_) return;
  policy_.attempt("events", [&] {
    log_->write_event({{"epoch", r.epoch}, {"loss", r.loss}, {"lr", r.lr}, {"grad_norm", r.grad_norm}},
                      fmt::format("seed {}/train", run.seed()), r.step);
  });
}

void Finetuning::log_epoch(const SeedRun& run, const SeedRun::Epoch& epoch) {
  fmt::print("seed {}  epoch {}/{}  loss {:.4f}  dev {} {:.4f}  {:.1f} s\n", run.seed(), epoch.number,
             spec_.batches.epochs, epoch.loss, spec_.metric, epoch.dev.by_name(spec_.metric), epoch.seconds);
  std::fflush(stdout);
  if (!log_) return;
  policy_.attempt("log.jsonl", [&] {
    log_->write({{"dev_accuracy", epoch.dev.accuracy},
                 {"dev_macro_f1", epoch.dev.macro_f1},
                 {"dev_micro_f1", epoch.dev.micro_f1},
                 {"epoch", epoch.number},
                 {"loss", epoch.loss},
                 {"seconds", epoch.seconds},
                 {"seed", run.seed()}},
                fmt::format("seed {}", run.seed()), state_.step);
  });
}

void Finetuning::end_seed(SeedRun& run) {
  const SeedResult result = run.finish();
  const double value = result.dev.by_name(spec_.metric);
  const bool best = std::all_of(progress_.results.begin(), progress_.results.end(),
                                [&](const SeedResult& r) { return value > r.dev.by_name(spec_.metric); });
  if (best && folder_) {
    const Profiler::Phase phase(profiler_.get(), "saving");
    policy_.insist("model", [&] {
      AtomicFolder model(folder_->file("model"));
      save_model(model.temporary_path(), run.model());
      tokenizer_.save(model.temporary_path(), int(run.model().config().max_length()));
      write_checksums(model.temporary_path());
      model.commit();
    });
  }
  progress_.results.push_back(result);
  state_.step = 0;
}

void Finetuning::end_run() {
  fmt::print("peak memory: {} anonymous (plan {})\n", human_bytes(double(peak_)), human_bytes(double(planned_bytes_)));
  const nlohmann::json results =
      results_json(progress_.results, spec_.metric, data_.labels.names(), data_.test.size() > 0);
  if (folder_) {
    policy_.insist("results.json", [&] { write_file_atomic(folder_->file("results.json"), results.dump(2) + "\n"); });
    std::error_code ignored;
    std::filesystem::remove_all(folder_->file("state"), ignored);
  }
  print_results(results);
  fmt::print("{0}/results.json and {0}/model written\n", spec_.output.folder);
}

// Every rank must stop after the same step.
bool Finetuning::stop_wanted() {
  std::array<int64_t, 1> wish{stop_signal() != 0};
  comm_.all_reduce_max(std::span<int64_t>(wish));
  return wish[0] != 0;
}

bool Finetuning::save_due() const {
  const double minutes = seconds_since(saved_at_) / 60;
  return (spec_.run.save_every > 0 && progress_.steps % spec_.run.save_every == 0) || policy_.retry_due() ||
         (spec_.run.save_minutes > 0 && minutes >= spec_.run.save_minutes);
}

// under_way: null between two seeds, when only the results are saved.
void Finetuning::save(SeedRun* under_way) {
  const Profiler::Phase phase(profiler_.get(), "saving");
  saved_at_ = steady_seconds();
  folder_->check_in_place();
  if (log_) {
    log_->sync();
    state_.log_bytes = log_->log_bytes();
    state_.events_file = log_->events_file();
    state_.events_bytes = log_->events_bytes();
  }
  state_.progress = to_json(progress_, under_way ? under_way->progress() : SeedProgress());
  state_.skipped = under_way ? under_way->trainer().skipped() : 0;
  state_.skipped_in_row = under_way ? under_way->trainer().skipped_in_row() : 0;
  save_state(folder_->state_dir(progress_.steps), state_, under_way ? under_way->buffers() : StateBuffers());
  folder_->remove_old_states(spec_.run.keep, -1);
}

}  // namespace

RunEnd finetune(FinetuneSpec spec, Communicator& processes) {
  return Finetuning(std::move(spec), processes).run();
}

}  // namespace encore
