#include "train/finetuning.h"

#include <algorithm>
#include <utility>

#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/clock.h"
#include "kernels/base/human.h"
#include "kernels/base/in_quotes.h"
#include "optim/device_communicator.h"
#include "train/classifier_memory.h"
#include "train/finetune_digest.h"
#include "train/finetune_log.h"
#include "train/finetune_results.h"
#include "train/memory_use.h"
#include "train/rank_checks.h"
#include "train/resume.h"
#include "train/saved_model.h"
#include "train/seed_run.h"
#include "train/signals.h"

namespace encore {
namespace {

class Finetuning {
 public:
  Finetuning(FinetuneSpec spec, Communicator& processes, const ReportMakerOf& report_of)
      : spec_(std::move(spec)),
        report_of_(report_of),
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
    check_ranks_start(flags_of_ranks(spec_.output), spec_.model, &tokenizer_, processes);
    check_vocabulary(spec_.model, tokenizer_, spec_.model_dir);
    return open_device(spec_.device, threads_for_rank(processes), processes.local_rank(), processes.local_size());
  }
  RunEnd run_seeds(const SeedRun::Shared&);
  bool run_seed(SeedRun&);  // false: stopped
  void complete_digest(const Model&);
  void continue_seed(const SeedRun::Shared&, std::unique_ptr<SeedRun>&);
  std::string event_group(const SeedRun&) const;
  void log_step(const SeedRun&, const StepResult&);
  void log_epoch(const SeedRun&, const SeedRun::Epoch&);
  void end_seed(SeedRun&);
  nlohmann::json write_results() const;
  void refresh_report(bool last);
  void end_run();
  bool stop_wanted();
  bool save_due() const;
  void save(SeedRun* under_way);

  FinetuneSpec spec_;
  const ReportMakerOf& report_of_;
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
  size_t planned_bytes_ = 0;
  AnonymousPeak peak_;
};

RunEnd Finetuning::run() {
  if (spec_.output.resume &&
      print_complete_results(spec_.output.folder, spec_.seeds, digest_of_flags(spec_, device_.dtype, tokenizer_)))
    return RunEnd::kFinished;
  check_files_of_ranks(spec_, device_.dtype, comm_);
  data_ = read_labelled_data(spec_.rows, tokenizer_, device_.threads);
  fmt::print("{}{}\n", device_.description(), comm_.size() > 1 ? "; " + comm_.description() : "");
  const ClassifierMemory memory = plan_finetune(spec_, device_, data_, comm_);
  planned_bytes_ = memory.plan.total();
  fmt::print("\nMemory plan, micro-batches of {} tokens\n{}\n\n", memory.capacity.tokens, to_text(memory.plan));
  state_.digest = digest_of_rows(data_, tokenizer_);
  check_ranks_agree(state_.digest, comm_);
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
  complete_digest(seed->model());
  fmt::print("{}\n", seed->report().summary());
  for (const std::string& note : seed->report().notes) fmt::print("note: {}\n", note);
  if (comm_.root()) folder_.emplace(RunFolder::open(spec_.output, config_in_force(spec_, device_.dtype)));
  if (spec_.output.resume) continue_seed(shared, seed);
  if (folder_) {
    folder_->remove_other_events(state_.log.events_file);
    log_ = std::make_unique<StepLog>(folder_->path(), state_.log);
    policy_.attempt("config.json", [&] { folder_->write_files(); });
    if (report_of_) spec_.run.report = report_of_(folder_->path());
  }
  std::fflush(stdout);
  while (int(progress_.results.size()) < spec_.seeds) {
    if (!seed) seed = std::make_unique<SeedRun>(shared, spec_.first_seed + progress_.results.size());
    if (!run_seed(*seed)) {
      if (folder_) policy_.insist("state", [&] { folder_->write([&] { save(seed.get()); }); });
      fmt::print("stopped by {} in seed {} after {} of its epochs: saved; continue with --output {} --resume\n",
                 stopped_by(), seed->seed(), seed->progress().epochs, one_line(spec_.output.folder));
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
  peak_.leave_out();  // the model's file was mapped
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

void Finetuning::complete_digest(const Model& model) {
  RunDigest& digest = state_.digest;
  digest.merge(digest_of_flags(spec_, device_.dtype, tokenizer_));
  digest[kShapeField] = digest_text(layout_fingerprint(model.params()));
  digest[kWeightsField] = digest_text(weights_digest(model.params()));
  check_ranks_agree({{kWeightsField, digest[kWeightsField]}}, comm_);
}

// Continues from a state if there is one; else the run starts at its beginning.
void Finetuning::continue_seed(const SeedRun::Shared& shared, std::unique_ptr<SeedRun>& seed) {
  const RunFolder* own = folder_ ? &*folder_ : nullptr;
  const int64_t from = state_to_resume(own, spec_.output.resume_from, comm_);
  if (from < 0) {
    if (own) check_logs(own->path(), {});
    return;
  }
  const RunDigest now = state_.digest;
  state_ = continue_from(spec_.output.folder, from, own, now, [&](const std::string& dir, const RunState& saved) {
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
  fmt::print("resumed from {}/state/step-{}\n", one_line(spec_.output.folder), from);
  if (const std::string note = note_on_digest(state_); !note.empty()) fmt::print("note: {}\n", note);
  state_.digest.insert(now.begin(), now.end());
}

// One seed has Trainer's tags; of several, each has its own.
std::string Finetuning::event_group(const SeedRun& run) const {
  return spec_.seeds > 1 ? fmt::format("seed {}/", run.seed()) : "";
}

void Finetuning::log_step(const SeedRun& run, const StepResult& r) {
  state_.step = r.step;
  ++progress_.steps;
  state_.tokens += r.tokens;
  state_.flops += r.flops;
  peak_.sample();
  if (!r.skipped.empty()) fmt::print("step left out: {}\n", r.skipped);
  if (!log_) return;
  policy_.attempt("events", [&] { encore::log_step(*log_, event_group(run), r); });
}

void Finetuning::log_epoch(const SeedRun& run, const SeedRun::Epoch& epoch) {
  fmt::print("seed {}  epoch {}/{}  loss {:.4f}  dev {} {:.4f}  {:.1f} s\n", run.seed(), epoch.number,
             spec_.batches.epochs, epoch.loss, spec_.metric, epoch.dev.by_name(spec_.metric), epoch.seconds);
  std::fflush(stdout);
  if (!log_) return;
  policy_.attempt("log.jsonl", [&] { encore::log_epoch(*log_, event_group(run), run.seed(), state_.step, epoch); });
}

void Finetuning::end_seed(SeedRun& run) {
  const SeedResult result = run.finish();
  const double value = result.dev.by_name(spec_.metric);
  const bool best = std::all_of(progress_.results.begin(), progress_.results.end(),
                                [&](const SeedResult& r) { return value > r.dev.by_name(spec_.metric); });
  if (best && folder_) {
    const Profiler::Phase phase(profiler_.get(), "saving");
    policy_.insist("model", [&] { save_model_folder(folder_->file("model"), run.model(), tokenizer_); });
  }
  progress_.results.push_back(result);
  state_.step = 0;
  if (folder_ && int(progress_.results.size()) < spec_.seeds) {
    policy_.attempt("results.json", [&] { write_results(); });
    refresh_report(/*last=*/false);
  }
}

nlohmann::json Finetuning::write_results() const {
  const nlohmann::json results =
      results_json(progress_.results, spec_.metric, data_.labels.names(), data_.test.size() > 0, state_.digest);
  if (folder_) write_file_atomic(folder_->file("results.json"), results.dump(2) + "\n");
  return results;
}

void Finetuning::refresh_report(bool last) {
  if (!spec_.run.report) return;
  if (const std::string trouble = spec_.run.report(last); !trouble.empty())
    fmt::print("note: report.html could not be made: {}\n", trouble);
  else if (last)
    fmt::print("report: {}\n", one_line(folder_->file("report.html")));
}

void Finetuning::end_run() {
  fmt::print("peak memory: {} anonymous (plan {})\n", human_bytes(double(peak_.bytes())),
             human_bytes(double(planned_bytes_)));
  nlohmann::json results;
  const auto write = [&] { results = write_results(); };
  if (folder_) {
    policy_.insist("config.json", [&] { folder_->write_files(); });
    policy_.insist("results.json", write);
    folder_->remove_states();
  } else {
    write();
  }
  print_results(results);
  refresh_report(/*last=*/true);
  fmt::print("{0}/results.json and {0}/model written\n", one_line(spec_.output.folder));
}

// Every rank must stop after the same step.
bool Finetuning::stop_wanted() {
  return max_over_ranks(stop_signal() != 0, comm_) != 0;
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
  folder_->write_files();
  log_->sync();
  state_.log = log_->marks();
  state_.progress = to_json(progress_, under_way ? under_way->progress() : SeedProgress());
  state_.skipped = under_way ? under_way->trainer().skipped() : 0;
  state_.skipped_in_row = under_way ? under_way->trainer().skipped_in_row() : 0;
  save_state(folder_->state_dir(progress_.steps), state_, under_way ? under_way->buffers() : StateBuffers());
  folder_->remove_old_states(spec_.run.keep, -1);
}

}  // namespace

RunEnd finetune(FinetuneSpec spec, Communicator& processes, const ReportMakerOf& report_of) {
  return Finetuning(std::move(spec), processes, report_of).run();
}

}  // namespace encore
