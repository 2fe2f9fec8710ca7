#include "train/vampire/vampire_training.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/clock.h"
#include "kernels/base/human.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/path_text.h"
#include "kernels/base/read_json.h"
#include "train/memory_limit.h"
#include "train/memory_plan.h"
#include "train/memory_use.h"
#include "train/opening.h"
#include "train/resume.h"
#include "train/signals.h"
#include "train/vampire/vampire_epochs.h"
#include "train/vampire/vampire_files.h"
#include "train/vampire/vampire_log.h"
#include "train/work_progress.h"

namespace encore {
namespace {

constexpr const char* kVocabularyFile = "vocabulary.json";

class VampireTraining {
 public:
  VampireTraining(VampireSpec spec, const ReportMakerOf& report_of)
      : spec_(std::move(spec)), report_of_(report_of), device_(open_device(spec_.device)) {}

  RunEnd run();

 private:
  void resolve(const char* flag, std::vector<std::string>& files);
  void open_text();
  void plan();
  void open_folder();
  void resume();
  RunDigest digest() const;
  RunEnd run_epochs();
  bool run_step();  // false: the run was asked to stop
  void end_epoch();
  void end(RunEnd);
  void say(const std::string& line);

  VampireSpec spec_;
  const ReportMakerOf& report_of_;
  Device device_;
  Opening opening_;
  VampireText text_;
  std::optional<VampireEpochs> epochs_;
  std::optional<RunFolder> folder_;
  RunState state_;
  std::optional<VampireFiles> files_;
  std::optional<WorkProgress> display_;  // of the epoch under way
  double start_ = steady_seconds();
  size_t planned_bytes_ = 0;
  AnonymousPeak peak_;
};

RunEnd VampireTraining::run() {
  open_text();
  plan();
  epochs_.emplace(spec_, text_, *device_.backend, device_.threads);
  state_.digest = digest();
  open_folder();
  if (spec_.output.resume) resume();
  folder_->remove_other_events(state_.log.events_file);
  if (report_of_) spec_.run.report = report_of_(folder_->path());
  opening_.publish();
  files_.emplace(
      *folder_, *epochs_, state_, text_.vocabulary,
      BagKind{.tfidf = spec_.text.tfidf, .sentences = spec_.text.sentences, .least_sum = spec_.text.least_sum},
      spec_.run, [this](const std::string& line) { say(line); });
  const RunEnd how = run_epochs();
  end(how);
  return how;
}

// config.json names plain files; of a stream its copy, which a resumed run reads.
void VampireTraining::resolve(const char* flag, std::vector<std::string>& files) {
  if (files.empty()) return;
  files = resolve_files(files, spec_.text.cache_dir, spec_.text.reading.text_field);
  nlohmann::json& named = spec_.output.config[flag] = nlohmann::json::array();
  for (const std::string& file : files) named.push_back(absolute_path_text(file));
}

void VampireTraining::open_text() {
  resolve("train", spec_.text.train);
  resolve("dev", spec_.text.dev);
  spec_.text.threads = device_.threads;
  spec_.text.stop = [] { return stop_signal() != 0; };
  std::optional<BagVocabulary> vocabulary;
  const std::string own = spec_.output.folder + "/" + kVocabularyFile;
  std::error_code error;
  // The text is not counted again. Its digest shows whether it is still the same.
  if (spec_.output.resume && std::filesystem::exists(own, error))
    vocabulary = BagVocabulary::from_json(read_json_file(own), own);
  text_ = VampireText::open(spec_.text, std::move(vocabulary));
  opening_.say("{}", device_.description());
  const char* unit = spec_.text.sentences ? "sentences" : "documents";
  const auto counts = [&](const char* name, const DocumentSet& set, const std::string& note) {
    opening_.say("{}: {} {}{}; left out: {} without a word of the vocabulary, {} whose {} sum to {:g} or less", name,
                 with_commas(set.size()), unit, note, with_commas(set.counts().without_words),
                 with_commas(set.counts().too_short), spec_.text.tfidf ? "weights" : "counts", spec_.text.least_sum);
  };
  counts("train", text_.train, "");
  counts("dev", text_.dev,
         text_.held_out ? fmt::format(" held out of --train by hash (--held-out {:g})", spec_.text.held_out) : "");
  opening_.say("vocabulary: {} words, of {} {}; bags of {}", with_commas(text_.vocabulary.columns() - 1),
               with_commas(text_.vocabulary.texts()), unit, spec_.text.tfidf ? "TF-IDF weights" : "counts");
}

void VampireTraining::plan() {
  const size_t before = memory_use().anonymous;
  const auto plan_of = [&](int64_t documents) {
    return VampireEpochs::plan(spec_, text_, *device_.backend, documents, before);
  };
  const MemoryPlan plan = plan_of(spec_.batch_documents);
  planned_bytes_ = plan.total();
  opening_.say("\nMemory plan, batches of {} documents\n{}\n", spec_.batch_documents, to_text(plan));
  check_memory(plan_of, spec_.batch_documents, 2, before, memory_room(1, device_.threads, 0), *device_.backend,
               {.flag = "--batch-documents",
                .otherwise = "a smaller --vocabulary-size, --hidden or --latent, or shorter texts (--sentences)"});
}

RunDigest VampireTraining::digest() const {
  RunDigest digest{{kTrainField, digest_text(text_.train.fingerprint())},
                   {kEvalField, digest_text(text_.dev.fingerprint())},
                   {"vocabulary", digest_text(text_.vocabulary.fingerprint())},
                   {kShapeField, digest_text(layout_fingerprint(epochs_->model().params()))}};
  add_flags(digest, spec_.output.config, spec_.output.fixed_on_resume);
  return digest;
}

void VampireTraining::open_folder() {
  folder_.emplace(RunFolder::open(spec_.output, spec_.output.config));
  folder_->put(kVocabularyFile, text_.vocabulary.to_json().dump() + "\n");
  opening_.say("run folder: {}", one_line(folder_->path()));
}

// Continues from a state if there is one; else the run starts at its beginning.
void VampireTraining::resume() {
  const auto alone = one_process();
  const int64_t from = state_to_resume(&*folder_, spec_.output.resume_from, *alone);
  if (from < 0) return check_logs(folder_->path(), {});
  const RunDigest now = state_.digest;
  state_ = continue_from(
      spec_.output.folder, from, &*folder_, now,
      [&](const std::string& dir, const RunState& saved) {
        epochs_->progress() = vampire_progress_from_json(saved.progress, dir);
        load_state(dir, saved, epochs_->buffers());
        epochs_->loaded();
      },
      /*begins_with=*/"");
  state_.digest.insert(now.begin(), now.end());
  if (epochs_->progress().best_epoch > 0) folder_->put(kTopicsFile, topics_text(epochs_->progress()));
  opening_.say("resumed from {}/state/step-{}", one_line(folder_->path()), from);
}

RunEnd VampireTraining::run_epochs() {
  peak_.leave_out();  // the bag files were mapped
  while (!epochs_->over()) {
    if (epochs_->epoch_complete()) {
      end_epoch();
    } else if (!run_step()) {
      return RunEnd::kSignal;
    }
    if (epochs_->over()) break;
    if (spec_.run.max_hours > 0 && seconds_since(start_) >= spec_.run.max_hours * 3600) return RunEnd::kTimeUp;
    if (files_->save_due()) files_->save();
  }
  return RunEnd::kFinished;
}

bool VampireTraining::run_step() {
  if (!display_)
    display_.emplace(
        WorkProgress::Work{.name = fmt::format("epoch {}/{}", epochs_->progress().epochs + 1, spec_.epochs),
                           .unit = "steps",
                           .total = epochs_->steps_per_epoch(),
                           .already = epochs_->step_in_epoch()},
        /*quiet=*/false);
  const double start = steady_seconds();
  const VampireEpochs::Step step = [&] {
    try {
      return epochs_->run_step();
    } catch (const NonFiniteError&) {
      throw;  // its message names the step
    } catch (const DeviceError& e) {
      throw DeviceError(fmt::format("after step {}: {}", state_.step, e.what()));
    }
  }();
  const double seconds = seconds_since(start);
  state_.step = epochs_->step();
  state_.seconds += seconds;
  peak_.sample();
  const double epoch =
      double(epochs_->progress().epochs) + double(epochs_->step_in_epoch()) / double(epochs_->steps_per_epoch());
  files_->write_line(step_line(step, state_, epoch, spec_.lr, seconds));
  display_->add(1);
  return stop_signal() == 0;
}

void VampireTraining::end_epoch() {
  const VampireEpochs::Epoch epoch = epochs_->end_epoch();
  state_.last_eval_step = state_.step;
  state_.last_eval_loss = epoch.dev.loss(1);
  peak_.sample();
  if (epoch.best) files_->save_best();
  files_->write_line(epoch_line(epoch, state_, text_.held_out));
  say(epoch_text(epoch, spec_.epochs));
  files_->refresh_report(/*last=*/false);
}

void VampireTraining::end(RunEnd how) {
  display_.reset();
  const VampireProgress& progress = epochs_->progress();
  files_->save_at_end();
  if (how != RunEnd::kFinished) {
    say(fmt::format("{} in epoch {} after step {}: saved; continue with --output {} --resume",
                    how == RunEnd::kSignal ? "stopped by " + stopped_by() : "--max-hours reached", progress.epochs + 1,
                    state_.step, one_line(folder_->path())));
    return files_->refresh_report(/*last=*/true);
  }
  const bool early = progress.epochs < spec_.epochs;
  fmt::print(
      "\n{}topics of epoch {}: NPMI {:.4f} (standard), {:.4f} (vampire)\n{}\n",
      early ? fmt::format("{} epochs without a better NPMI (--patience {})\n", spec_.patience, spec_.patience) : "",
      progress.best_epoch, progress.best.npmi_standard, progress.best.npmi_vampire, to_text(progress.best));
  say(fmt::format("peak memory: {} anonymous (plan {})", human_bytes(double(peak_.bytes())),
                  human_bytes(double(planned_bytes_))));
  files_->refresh_report(/*last=*/true);
  say(fmt::format("{0}/model/best and {0}/topics.json written", one_line(folder_->path())));
}

void VampireTraining::say(const std::string& line) {
  display_.reset();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

}  // namespace

RunEnd train_vampire(VampireSpec spec, const ReportMakerOf& report_of) {
  return VampireTraining(std::move(spec), report_of).run();
}

}  // namespace encore
