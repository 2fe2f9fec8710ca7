#include "apps/program/train_program.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "data/tokenizer/tokenizer.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/human.h"
#include "kernels/base/program_path.h"
#include "model/checkpoint.h"
#include "optim/device_communicator.h"
#include "report/ledger_json.h"
#include "report/reported_run.h"
#include "train/device.h"
#include "train/dry_run.h"
#include "train/profiler.h"
#include "train/resume.h"
#include "train/run_data.h"
#include "train/run_memory.h"
#include "train/signals.h"

namespace encore {
namespace {

constexpr const char* kNames[] = {"dapt", "tapt"};

// Nothing given: the bundled example, sized to end within three minutes on two cores.
void fill_in_example(Cli& cli, Opening& opening) {
  const auto fill = [&](const char* flag, const std::string& value) {
    if (!cli.given(flag)) cli.set(flag, value);
  };
  fill("model", project_path("models/encore-mini"));
  cli.set("train", project_path("examples/gene_ontology/train.txt"));
  if (cli.get_list("eval").empty()) cli.set("eval", project_path("examples/gene_ontology/eval.txt"));
  fill("epochs", "2");
  fill("max-hours", "0.04");
  fill("batch-sequences", "16");
  fill("lr", "1e-3");
  opening.say("No --model and no --train: the example, {} on {}", cli.get("model"), cli.get_list("train").back());
}

bool resumes(const Cli& cli) {
  return cli.get_flag("resume") || !cli.get("resume-from").empty();
}

// Reads the flags. A resumed run's own flags hold again where the command line is silent. False: --help was printed.
bool read_flags(Recipe recipe, int argc, char** argv, Cli& cli) {
  if (!cli.parse(argc, argv)) return false;
  const std::string output = cli.get("output");
  if (cli.get_flag("dry-run") && resumes(cli) && !output.empty()) {
    check(!RunFolder::holds_run(output),
          "--dry-run is for a run that has not begun, and --output {} holds one: leave out --resume and name another",
          output);
    cli.set("resume", "false");
    cli.set("resume-from", "");
  }
  if (!resumes(cli)) {
    check(output.empty() || !RunFolder::holds_run(output),
          "--output {}: holds a run already: continue it with --resume, or name another folder", output);
    return true;
  }
  check(!output.empty(), "--resume needs --output: the folder of the run to continue");
  const std::string file = output + "/config.json";
  if (!std::filesystem::exists(file)) return true;
  std::vector<std::string> words{argv[0], "--config=" + file};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  for (std::string& w : words) pointers.push_back(w.data());
  cli = training_cli(recipe);
  cli.parse(int(pointers.size()), pointers.data());
  return true;
}

// The flags in force, such that --config repeats the run from any working folder.
nlohmann::json repeatable(const Cli& cli) {
  const auto absolute = [](const std::string& path) {
    return path.empty() || path == "-" ? path : std::filesystem::absolute(path).lexically_normal().string();
  };
  nlohmann::json config = cli.resolved();
  for (const char* flag : {"model", "output", "cache-dir"}) config[flag] = absolute(cli.get(flag));
  for (const char* flag : {"train", "eval"}) {
    config[flag] = nlohmann::json::array();
    for (const std::string& path : cli.get_list(flag)) config[flag].push_back(absolute(path));
  }
  config["resume"] = false;
  config["resume-from"] = "";
  return config;
}

std::optional<RunFolder> open_folder(Recipe recipe, Cli& cli, Communicator& comm, Opening& opening) {
  if (!comm.root()) return std::nullopt;
  const std::string output = cli.get("output");
  std::optional<RunFolder> folder;
  if (resumes(cli)) {
    folder.emplace(RunFolder::reopen(output));
    const std::string file = folder->file("config.json");
    if (std::filesystem::exists(file)) {
      std::ifstream in(file);
      check_same_config(nlohmann::json::parse(in), cli.resolved(), file);
      return folder;
    }
    opening.say("--resume: {} holds no run: a new one begins", output);
  } else if (output.empty()) {
    folder.emplace(RunFolder::create_numbered("runs", kNames[int(recipe)]));
    cli.set("output", folder->path());
  } else {
    folder.emplace(RunFolder::create(output));
  }
  folder->write_config(repeatable(cli).dump(2) + "\n");
  return folder;
}

void start_from(const std::string& model_dir, const EncoderConfig& config, uint64_t seed, Model& model,
                Opening& opening) {
  const LoadReport report = load_weights(model_dir, model.params(), config, seed);
  opening.say("\n{}", report.summary());
  for (const std::string& note : report.notes) opening.say("note: {}", note);
  if (report.mlm_head_fresh)
    opening.say("note: {} has no MLM head: it is freshly initialised, the first steps train it", report.file);
}

// The last line of the opening, which is published with it.
void say_steps(Opening& opening, const Trainer& trainer, const StepOptions& step, const RunData& data, const Cli& cli) {
  const std::string output = cli.get("output");
  opening.say("\n{} steps of {} examples ({:.4g} passes over {}), {} to {}", trainer.steps(), step.batch_sequences,
              double(step.total_examples) / double(data.train->examples()), with_commas(data.train->examples()),
              cli.get("model"), output.empty() ? "a fresh folder of runs/" : output);
  opening.publish();
}

// Writes ledger.json, which reports are made from, and has report.html made as the run goes on.
void add_report(const RunFolder& folder, Recipe recipe, const RunData& data, const Trainer& trainer,
                const Device& device, const Communicator& comm, RunOptions& options) {
  const nlohmann::json ledger = ledger_json(data, fmt::format("{}_train", kNames[int(recipe)]), trainer.steps(),
                                            device.description(), comm.description());
  write_file_atomic(folder.file("ledger.json"), ledger.dump(2) + "\n");
  options.report = [report = std::make_shared<RunReport>(folder.path())](bool last) { return report->refresh(last); };
}

RunOptions options_of(const Cli& cli, const Trainer& trainer, const RunData& data, size_t planned_bytes,
                      Profiler* profiler) {
  RunOptions options = run_options(cli, trainer.steps());
  options.eval_name = data.eval_name;
  options.planned_bytes = planned_bytes;
  options.profiler = profiler;
  return options;
}

// What the command line left open. Returns --model.
std::string complete_flags(Cli& cli, Opening& opening) {
  if (cli.given("max-steps") && cli.get_integer("max-steps") > 0 && !cli.given("epochs")) cli.set("epochs", "0");
  if (cli.get("model").empty() && cli.get_list("train").empty()) fill_in_example(cli, opening);
  const std::string model_dir = cli.get("model").empty() ? cli.required("model") : cli.get("model");
  check(!cli.get_list("train").empty(), "--train FILE is needed: the text to train on");
  return model_dir;
}

RunEnd run(Recipe recipe, Cli& cli, Communicator& processes) {
  Opening opening;
  const std::string model_dir = complete_flags(cli, opening);
  EncoderConfig config = load_config(model_dir);
  apply_model_flags(cli, config);
  const Tokenizer tokenizer = Tokenizer::load(model_dir);
  check_vocabulary(config, tokenizer, model_dir);
  Device device = open_device(cli, threads_for_rank(processes), processes.local_rank(), processes.local_size());
  apply_graph_flag(cli, device);
  const std::unique_ptr<Communicator> devices = over_devices(processes, *device.backend);
  Communicator& comm = devices ? *devices : processes;
  cli.set("dtype", std::string(name_of(device.dtype)));
  const std::unique_ptr<Profiler> profiler = comm.root() ? make_profiler(cli, device) : nullptr;
  opening.say("{}; {}", device.description(), comm.description());

  spool_streams(cli, comm);
  const RunData data = open_data(cli, tokenizer, comm, device.threads, opening);
  const Masker masker = make_masker(masking_options(cli), tokenizer);
  const StepOptions step = step_options(cli, data.train->examples());

  // Before the model is made: what does not fit is refused here.
  const RunMemory memory = plan_memory(config, model_dir, device, data, step, masker.options().mlm_probability, comm);
  opening.say("\nMemory plan, micro-batches of {} tokens\n{}", with_commas(memory.capacity.tokens),
              to_text(memory.plan));
  const std::unique_ptr<Model> model = make_mlm(config, *device.backend, device.dtype, Mode::kTraining);
  Reservation reservation(*model, memory.capacity, Mode::kTraining);
  Trainer trainer(reservation, data.train, masker, comm, step);
  const Evaluator evaluator(data.eval, make_masker(eval_masking_options(cli), tokenizer),
                            std::min(step.tokens_per_batch, memory.capacity.tokens));

  const bool resume = resumes(cli);
  // Before the folder is made: a checkpoint that is refused leaves nothing behind.
  if (!resume) start_from(model_dir, config, step.seed, *model, opening);
  RunOptions options = options_of(cli, trainer, data, memory.plan.total(), profiler.get());
  if (cli.get_flag("dry-run")) {
    say_steps(opening, trainer, step, data, cli);
    const Masker eval_masker = make_masker(eval_masking_options(cli), tokenizer);
    dry_run({trainer, reservation, data, eval_masker, comm, step, options, cli.get("output")});
    if (profiler) profiler->finish(stdout);
    return RunEnd::kFinished;
  }
  std::optional<RunFolder> folder = open_folder(recipe, cli, comm, opening);
  RunState state{.train_fingerprint = data.train_fingerprint,
                 .eval_fingerprint = data.eval_fingerprint,
                 .model_fingerprint = layout_fingerprint(model->params())};
  RunFolder* own = folder ? &*folder : nullptr;
  if (const int64_t from = state_to_resume(own, cli.get("resume-from"), comm); from >= 0)
    state = continue_from(cli.get("output"), from, own, state, *model, trainer, opening);
  else if (resume)
    start_from(model_dir, config, step.seed, *model, opening);
  for (const std::string& note : config.notes) opening.say("note: {}", note);
  if (folder) folder->remove_other_events(state.events_file);
  say_steps(opening, trainer, step, data, cli);
  if (folder) add_report(*folder, recipe, data, trainer, device, comm, options);
  TrainingRun training(trainer, reservation, &evaluator, comm, own, state, options,
                       [&](const std::string& dir) { tokenizer.save(dir, int(config.max_length())); });
  const RunEnd end = training.run();
  if (profiler) profiler->finish(stdout);
  return end;
}

// A rank that fails alone would leave the others waiting for ever. All ranks tend to fail alike (a flag, a file): the
// others give rank 0 the time to say it, so that one line appears and not one a rank.
[[noreturn]] void fail_together(const char* name, Communicator& comm, const std::exception& e) {
  const auto* error = dynamic_cast<const Error*>(&e);
  const int code = error ? error->exit_code() : 70;
  if (!comm.root()) std::this_thread::sleep_for(std::chrono::seconds(2));
  std::fflush(stdout);
  std::fprintf(stderr, comm.root() ? "%s: %s\n" : "%s: %s (rank %d)\n", name, e.what(), comm.rank());
  std::fflush(stderr);
  comm.abort(code);
  std::_Exit(code);
}

}  // namespace

int train_program(Recipe recipe, int argc, char** argv) {
  const std::string name = fmt::format("{}_train", kNames[int(recipe)]);
  return run_program(name.c_str(), [&] {
    const std::unique_ptr<Communicator> comm = make_communicator();
    if (!comm->root() && !std::freopen("/dev/null", "w", stdout)) fail("/dev/null cannot be opened");
    try {
      Cli cli = training_cli(recipe);
      if (!read_flags(recipe, argc, argv, cli)) return 0;
      if (!cli.get_flag("dry-run")) install_stop_signals();
      return exit_code(run(recipe, cli, *comm));
    } catch (const std::exception& e) {
      if (comm->size() == 1) throw;
      fail_together(name.c_str(), *comm, e);
    }
  });
}

}  // namespace encore
