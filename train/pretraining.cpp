#include "train/pretraining.h"

#include <algorithm>

#include "data/readers/corpus_reader.h"
#include "kernels/base/human.h"
#include "kernels/base/in_quotes.h"
#include "model/checkpoint.h"
#include "optim/device_communicator.h"
#include "train/dry_run.h"
#include "train/rank_checks.h"
#include "train/resume.h"
#include "train/run_memory.h"

namespace encore {
namespace {

// Holds everything that a run computes with, from the device to the trainer. Members are made in this order.
class Pretraining {
 public:
  Pretraining(RunSpec spec, Communicator& processes, const ReportMakerOf& report_of)
      : spec_(std::move(spec)),
        report_of_(report_of),
        tokenizer_(Tokenizer::load(spec_.model_dir)),
        device_(open(processes)),
        devices_(over_devices(processes, *device_.backend)),
        comm_(devices_ ? *devices_ : processes),
        profiler_(comm_.root() ? make_profiler(spec_.profile, device_) : nullptr) {}

  RunEnd run();

 private:
  Device open(Communicator& processes) {
    for (const std::string& note : spec_.notes) opening_.say("{}", note);
    for (const std::string& note : tokenizer_.notes()) opening_.say("note: {}", note);
    check_ranks_start(flags_of_ranks(spec_.output), spec_.model, &tokenizer_, processes);
    check_vocabulary(spec_.model, tokenizer_, spec_.model_dir);
    return open_device(spec_.device, threads_for_rank(processes), processes.local_rank(), processes.local_size());
  }
  RunEnd train(const RunData&, Reservation&, const TextBatches&, const RunMemory&);
  RunEnd train_in_folder(const RunData&, Reservation&, Trainer&, const Evaluator&, bool goes_on);
  void check_files_of_ranks();
  bool continues_a_run();
  void start_from_checkpoint(Model&);
  void read_first_weights(Model&);
  RunDigest digest(const RunData&, const Model&) const;
  std::optional<RunFolder> open_folder();
  void say_steps(const Trainer&, const RunData&);
  void add_report(RunFolder&, const RunData&, const Trainer&);

  RunSpec spec_;
  const ReportMakerOf& report_of_;
  Opening opening_;
  Tokenizer tokenizer_;
  Device device_;
  std::unique_ptr<Communicator> devices_;  // if each of several ranks has a device
  Communicator& comm_;
  std::unique_ptr<Profiler> profiler_;
  std::string weights_;  // digest of those that the run starts from; empty: --model has none any more
};

RunEnd Pretraining::run() {
  opening_.say("{}; {}", device_.description(), comm_.description());
  spool_streams(spec_.text, comm_);
  spec_.text.target_share = spec_.eval_masking.mlm_probability;
  check_files_of_ranks();
  const RunData data = open_data(spec_.text, tokenizer_, comm_, device_.threads, opening_);
  check_ranks_agree(
      {{kTrainField, digest_text(data.train_fingerprint)}, {kEvalField, digest_text(data.eval_fingerprint)}}, comm_);
  spec_.batches.total_examples = total_examples(spec_.length, data.train->examples(), spec_.batches.batch_sequences);
  const std::shared_ptr<const Objective> objective = make_masking(spec_.masking, tokenizer_);
  const TextBatches source(data.train, objective, spec_.batches, comm_.size());

  // Refuses a plan that does not fit before the model is made.
  const RunMemory memory =
      plan_memory(spec_.model, spec_.model_dir, device_, data, spec_.batches, objective, spec_.step.reduce_dtype,
                  spec_.run.on_save_error == OnSaveError::kContinue, comm_);
  opening_.say("\nMemory plan, micro-batches of {} tokens\n{}", with_commas(memory.capacity.tokens),
               to_text(memory.plan));
  const std::unique_ptr<Model> model = make_mlm(spec_.model, *device_.backend, device_.dtype, Mode::kTraining);
  Reservation reservation(*model, memory.capacity, Mode::kTraining);
  const RunEnd end = train(data, reservation, source, memory);
  if (profiler_) profiler_->finish(stdout);
  return end;
}

RunEnd Pretraining::train(const RunData& data, Reservation& reservation, const TextBatches& source,
                          const RunMemory& memory) {
  Trainer trainer(reservation, source, comm_, spec_.step);
  const std::shared_ptr<const Objective> eval_objective = make_masking(spec_.eval_masking, tokenizer_);
  const Evaluator evaluator(data.eval, eval_objective,
                            std::min(spec_.batches.tokens_per_batch, memory.capacity.tokens));
  if (spec_.run.eval_every == 0) spec_.run.eval_every = std::max<int64_t>(1, (trainer.steps() + 9) / 10);
  spec_.run.eval_name = data.eval_name;
  spec_.run.planned_bytes = memory.plan.total();
  spec_.run.profiler = profiler_.get();
  // The checkpoint is loaded before the folder is created, so that a refused one leaves nothing behind.
  const bool goes_on = continues_a_run();
  if (!goes_on) start_from_checkpoint(reservation.model());
  if (!spec_.dry_run) return train_in_folder(data, reservation, trainer, evaluator, goes_on);
  say_steps(trainer, data);
  dry_run({.trainer = trainer,
           .reservation = reservation,
           .data = data,
           .eval_objective = eval_objective,
           .comm = comm_,
           .batches = spec_.batches,
           .options = spec_.run,
           .output = spec_.output.folder});
  return RunEnd::kFinished;
}

RunEnd Pretraining::train_in_folder(const RunData& data, Reservation& reservation, Trainer& trainer,
                                    const Evaluator& evaluator, bool goes_on) {
  std::optional<RunFolder> folder = open_folder();
  RunFolder* own = folder ? &*folder : nullptr;
  Model& model = reservation.model();
  RunState state;
  const int64_t from = state_to_resume(own, spec_.output.resume_from, comm_);
  if (from >= 0)
    read_first_weights(model);
  else if (goes_on)
    start_from_checkpoint(model);
  const RunDigest now = digest(data, model);
  if (from >= 0) {
    state = continue_from(spec_.output.folder, from, own, now, [&](const std::string& dir, const RunState& saved) {
      load_state(dir, saved, {.params = &model.params(), .optimizer = &trainer.optimizer()});
    });
    trainer.set_skipped(state.skipped, state.skipped_in_row);
    check_ranks_agree({{"weights of the state", digest_text(weights_digest(model.params()))}}, comm_);
    opening_.say("\nresumed from {}/state/step-{}", one_line(spec_.output.folder), from);
    if (const std::string note = note_on_digest(state); !note.empty()) opening_.say("note: {}", note);
  } else if (own && goes_on) {
    check_logs(own->path(), {});
  }
  state.digest.insert(now.begin(), now.end());
  for (const std::string& note : spec_.model.notes) opening_.say("note: {}", note);
  if (folder) folder->remove_other_events(state.log.events_file);
  say_steps(trainer, data);
  if (folder) add_report(*folder, data, trainer);
  TrainingRun training(trainer, reservation, &evaluator, comm_, own, state, spec_.run, tokenizer_);
  return training.run();
}

void Pretraining::start_from_checkpoint(Model& model) {
  const LoadReport report = load_weights(spec_.model_dir, model.params(), spec_.model, spec_.step.seed);
  weights_ = digest_text(weights_digest(model.params()));
  check_ranks_agree({{kWeightsField, weights_}}, comm_);
  opening_.say("\n{}", report.summary());
  for (const std::string& note : report.notes) opening_.say("note: {}", note);
  if (report.mlm_head_fresh)
    opening_.say("note: {} has no MLM head: it is freshly initialised, the first steps train it", report.file);
}

// Whether --output holds a run, the same on every rank.
bool Pretraining::continues_a_run() {
  const OutputSpec& output = spec_.output;
  const bool holds =
      comm_.root() && output.resume && RunFolder::check_output(output.folder, output.program, output.resume);
  return max_over_ranks(holds, comm_) != 0;
}

void Pretraining::check_files_of_ranks() {
  if (comm_.size() == 1) return;
  const auto files = [&](const DatasetOptions& text) {
    const std::vector<std::string>& named = text.cache.corpus.files;
    return named.empty() ? named : resolve_files(named, text.cache.dir);
  };
  check_rank_files({.dtype = device_.dtype,
                    .model_dir = spec_.model_dir,
                    .train = files(spec_.text.train),
                    .eval = files(spec_.text.eval)},
                   comm_);
}

// The weights of a resumed run come from its state, so --model may have lost its own.
void Pretraining::read_first_weights(Model& model) {
  try {
    load_weights(spec_.model_dir, model.params(), spec_.model, spec_.step.seed);
    weights_ = digest_text(weights_digest(model.params()));
  } catch (const Error& e) {
    opening_.say("note: the weights that the run began with cannot be compared: {}", e.what());
  }
}

RunDigest Pretraining::digest(const RunData& data, const Model& model) const {
  RunDigest digest{{kTrainField, digest_text(data.train_fingerprint)},
                   {kEvalField, digest_text(data.eval_fingerprint)},
                   {kShapeField, digest_text(layout_fingerprint(model.params()))},
                   {kTokenizerField, digest_text(tokenizer_.fingerprint())}};
  if (!weights_.empty()) digest[kWeightsField] = weights_;
  add_flags(digest, spec_.config_in_force(device_.dtype), spec_.output.fixed_on_resume);
  add_model(digest, spec_.model);
  return digest;
}

std::optional<RunFolder> Pretraining::open_folder() {
  if (!comm_.root()) return std::nullopt;
  RunFolder folder = RunFolder::open(spec_.output, spec_.config_in_force(device_.dtype));
  if (spec_.output.resume && !folder.resumed())
    opening_.say("--resume: {} holds no run: a new one begins", one_line(spec_.output.folder));
  return folder;
}

// Says the last line of the opening and publishes it.
void Pretraining::say_steps(const Trainer& trainer, const RunData& data) {
  const std::string& output = spec_.output.folder;
  opening_.say("\n{} steps of {} examples ({:.4g} passes over {}), {} to {}", trainer.steps(),
               spec_.batches.batch_sequences, double(spec_.batches.total_examples) / double(data.train->examples()),
               with_commas(data.train->examples()), one_line(spec_.model_dir),
               output.empty() ? "a fresh folder of runs/" : one_line(output));
  opening_.publish();
}

// Writes ledger.json, which reports read, and sets the report maker that refreshes report.html during the run.
void Pretraining::add_report(RunFolder& folder, const RunData& data, const Trainer& trainer) {
  const nlohmann::json ledger =
      ledger_json(data, spec_.program, trainer.steps(), device_.description(), comm_.description());
  folder.put("ledger.json", ledger.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  if (report_of_) spec_.run.report = report_of_(folder.path());
}

}  // namespace

RunEnd pretrain(RunSpec spec, Communicator& processes, const ReportMakerOf& report_of) {
  return Pretraining(std::move(spec), processes, report_of).run();
}

}  // namespace encore
