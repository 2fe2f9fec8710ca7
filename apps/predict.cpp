// predict: labels and probabilities of texts, one JSON object a line.
#include <optional>

#include "apps/program/open_model.h"
#include "apps/program/run_program.h"
#include "apps/program/text_flags.h"
#include "kernels/base/human.h"
#include "train/classifier_memory.h"
#include "train/memory_plan.h"
#include "train/memory_use.h"
#include "train/scoring.h"
#include "train/standard_streams.h"
#include "train/work_progress.h"

namespace encore {
namespace {

Cli predict_cli() {
  Cli cli("predict", "classifies texts with a fine-tuned model; one JSON object a row on standard output.",
          "predict --model runs/task/model --data new.jsonl > predictions.jsonl");
  cli.text("Input", "model", "Hugging Face folder of a sequence classifier", "DIR").path().often();
  add_row_file(cli, "Input", "data", "rows to classify").often();
  add_row_flags(cli, "Input", {.pair = true});
  add_tokens_per_batch_flag(cli, 8192);
  add_device_flags(cli);
  add_profile_flags(cli);
  cli.flag(kSpeedFlags, "memory-report", "the memory plan, and what was used, on standard error");
  return cli;
}

// probabilities: [rows, labels].
void print_rows(const std::vector<std::string>& ids, const std::vector<std::string>& labels,
                const std::vector<int32_t>& predicted, const std::vector<float>& probabilities) {
  for (size_t i = 0; i < predicted.size(); ++i) {
    nlohmann::ordered_json out;
    out["label"] = labels[size_t(predicted[i])];
    for (size_t c = 0; c < labels.size(); ++c) out["probabilities"][labels[c]] = probabilities[i * labels.size() + c];
    const std::string line = out.dump();
    // The id goes out as it came in: a parser would round a long number and drop the blanks of an object.
    if (ids[i].empty())
      fmt::print("{}\n", line);
    else
      fmt::print("{{\"id\":{},{}\n", ids[i], std::string_view(line).substr(1));
  }
  check_output_written();  // and flushes: the rows of a block go out when they are done
}

int run(int argc, char** argv, Communicator& comm) {
  Cli cli = predict_cli();
  if (!cli.parse(argc, argv)) return 0;
  cli.required("data");
  const ProfileSpec profile = profile_spec(cli);
  OpenModel open = open_model(cli.required("model"), cli, comm, "seq-length");
  open.config.labels = classifier_labels(open.config, open.dir + "/config.json");
  const std::vector<std::string>& labels = open.config.labels;
  const std::unique_ptr<Profiler> profiler = comm.root() ? make_profiler(profile, open.device) : nullptr;
  const int64_t tokens_per_batch = cli.get_integer("tokens-per-batch");
  RowBlocks rows({.path = rows_path(cli, "data", comm),
                  .fields = row_options(cli),
                  .labels = LabelMap(labels),
                  .max_length = open.max_length,
                  .tokens_per_batch = tokens_per_batch,
                  .threads = open.device.threads},
                 *open.tokenizer);
  const ClassifierMemory memory = plan_predict(open.config, open.dir, open.device, rows, tokens_per_batch);
  const bool memory_report = cli.get_flag("memory-report") && comm.root();
  if (memory_report) fmt::print(stderr, "Memory plan\n{}\n", to_text(memory.plan));
  const auto [model, report] = load_model(open, Head::kClassifier, Mode::kInference);
  check(report.fresh.empty(), "{}: {} is not in the file: not a classifier (make one with finetune)", report.file,
        report.fresh.empty() ? "" : report.fresh.front());
  model->reserve(memory.capacity, Mode::kInference);
  WorkProgress progress({.unit = "rows", .total = rows.total()}, !comm.root());
  std::vector<float> probabilities;
  for (ClassificationSet block; rows.next(block);) {
    std::optional<Profiler::Phase> phase(std::in_place, profiler.get(), "prediction");
    const std::vector<int32_t> predicted = classify(*model, block, tokens_per_batch, &probabilities, &comm,
                                                    [&](int64_t done) { progress.add(done * comm.size()); });
    phase.reset();
    progress.erase();
    print_rows(block.id, labels, predicted, probabilities);
  }
  say_what_was_cut(rows, comm);
  if (memory_report) fmt::print(stderr, "peak memory: {} anonymous\n", human_bytes(double(memory_use().anonymous)));
  if (profiler) profiler->finish(stderr);
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_over_ranks("predict", [&](auto& comm) { return encore::run(argc, argv, comm); });
}
