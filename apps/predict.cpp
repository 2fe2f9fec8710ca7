// predict: labels and probabilities of texts, one JSON object a line.
#include <iostream>

#include "apps/program/cli.h"
#include "kernels/base/human.h"
#include "model/checkpoint.h"
#include "train/classifier_memory.h"
#include "train/device.h"
#include "train/finetuner.h"
#include "train/memory_plan.h"
#include "train/memory_use.h"
#include "train/profiler.h"

namespace encore {
namespace {

int run(int argc, char** argv) {
  Cli cli("predict", "classifies texts with a fine-tuned model; one JSON object a row on standard output.",
          "predict --model runs/task/model --data new.jsonl > predictions.jsonl");
  cli.text("Input", "model", "Hugging Face folder of a sequence classifier", "DIR");
  cli.text("Input", "data", "rows: jsonl, csv or tsv, also .gz or .zst", "FILE");
  cli.text("Input", "text-field", "key or column of the text", "NAME", "text");
  cli.text("Input", "text-pair-field", "key or column of the second text of a pair", "NAME");
  cli.integer("Input", "max-length", "longest input in tokens, specials counted", 512, 4, 1 << 20);
  add_device_flags(cli);
  add_profile_flags(cli);
  cli.integer(kSpeedFlags, "tokens-per-batch", "tokens computed at once", 8192, 16, 1 << 24);
  cli.flag(kSpeedFlags, "memory-report", "the memory plan, and what was used, on standard error");
  if (!cli.parse(argc, argv)) return 0;
  const std::string dir = cli.required("model"), path = cli.required("data");
  const EncoderConfig config = load_config(dir);
  check(config.labels.size() >= 2,
        "{}/config.json: no id2label with two labels or more: not a classifier (make one "
        "with finetune)",
        dir);
  const Tokenizer tokenizer = Tokenizer::load(dir);
  check_vocabulary(config, tokenizer, dir);
  const int64_t max_length = resolve_max_length(cli, config, "max-length");
  const auto rows = read_labelled(
      path, {.text_field = cli.get("text-field"), .text_pair_field = cli.get("text-pair-field"), .label_field = ""});
  Device device = open_device(cli);
  const std::unique_ptr<Profiler> profiler = make_profiler(cli, device);
  const ClassificationSet set =
      tokenize_rows(rows, path, tokenizer, LabelMap(config.labels), max_length, device.threads);

  const ClassifierMemory memory = plan_predict(config, dir, device, set, cli.get_integer("tokens-per-batch"));
  if (cli.get_flag("memory-report")) fmt::print(stderr, "Memory plan\n{}\n", to_text(memory.plan));
  auto model = make_classifier(config, int(config.labels.size()), *device.backend, device.dtype, Mode::kInference);
  const LoadReport report = load_weights(dir, model->params(), config, 0);
  check(report.fresh.empty(), "{}: {} is not in the file: not a fine-tuned classifier", report.file,
        report.fresh.empty() ? "" : report.fresh.front());
  model->reserve(memory.capacity, Mode::kInference);
  std::vector<float> probabilities;
  const auto predicted = [&] {
    const Profiler::Phase phase(profiler.get(), "prediction");
    return classify(*model, set, cli.get_integer("tokens-per-batch"), &probabilities);
  }();
  if (cli.get_flag("memory-report"))
    fmt::print(stderr, "peak memory: {} anonymous\n", human_bytes(double(memory_use().anonymous)));
  const size_t labels = config.labels.size();
  for (size_t i = 0; i < predicted.size(); ++i) {
    nlohmann::ordered_json out;
    if (!set.id[i].empty()) out["id"] = nlohmann::json::parse(set.id[i]);
    out["label"] = config.labels[size_t(predicted[i])];
    for (size_t c = 0; c < labels; ++c) out["probabilities"][config.labels[c]] = probabilities[i * labels + c];
    std::cout << out.dump() << '\n';
  }
  std::cout.flush();
  if (!std::cout) fail_io("standard output cannot be written");
  if (profiler) profiler->finish(stderr);
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_program("predict", [&] { return encore::run(argc, argv); });
}
