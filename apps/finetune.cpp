// finetune: a classifier from a pretrained encoder and labelled rows.
#include <filesystem>

#include "apps/program/device_flags.h"
#include "apps/program/run_program.h"
#include "train/classifier_memory.h"
#include "train/finetuner.h"
#include "train/memory_plan.h"

namespace encore {
namespace {

Cli make_cli() {
  Cli cli("finetune", "fine-tunes a RoBERTa encoder into a text classifier and scores it.",
          "finetune --model runs/dapt-1/model/best --train train.jsonl --dev dev.jsonl --test test.jsonl "
          "--output runs/task --seeds 5");
  const char* start = "Start a run";
  cli.text(start, "model", "Hugging Face folder to start from", "DIR");
  cli.text(start, "train", "labelled rows: jsonl, csv or tsv, also .gz or .zst", "FILE");
  cli.text(start, "dev", "rows that choose the best epoch", "FILE");
  cli.text(start, "test", "rows scored once, at the best epoch of each seed", "FILE");
  cli.text(start, "output", "folder for model/, results.json and log.jsonl", "DIR");
  cli.integer(start, "seeds", "runs, each from the same checkpoint with its own head, order and dropout", 1, 1, 1000);
  cli.presets({{"paper-classifier",
                {{"epochs", "10"},
                 {"patience", "3"},
                 {"batch-size", "16"},
                 {"lr", "2e-5"},
                 {"warmup-ratio", "0.06"},
                 {"weight-decay", "0.1"},
                 {"adam-beta2", "0.98"},
                 {"adam-eps", "1e-6"},
                 {"clip", "1.0"},
                 {"max-length", "512"}}}},
              "the paper's classifier: 10 epochs for small tasks (give --epochs 3 for those of 5,000 rows and more)",
              start);
  const char* learning = "How long, and how fast it learns";
  cli.number(learning, "epochs", "passes over the training rows", 10, 1, 10000);
  cli.integer(learning, "patience", "stop after this many epochs without a better dev score; 0: never", 3, 0, 10000);
  cli.choice(learning, "metric", "dev score that chooses the epoch",
             {"macro-f1", "micro-f1", "weighted-f1", "accuracy"}, "macro-f1");
  cli.number(learning, "lr", "peak learning rate; small models want a larger one (1e-3 for encore-mini)", 2e-5, 0, 10);
  cli.integer(learning, "batch-size", "rows of one update", 16, 1, 1 << 20);
  const char* rows = "How rows are read";
  cli.text(rows, "text-field", "key or column of the text", "NAME", "text");
  cli.text(rows, "text-pair-field", "key or column of the second text of a pair", "NAME");
  cli.text(rows, "label-field", "key or column of the label", "NAME", "label");
  cli.integer(rows, "max-length", "longest input in tokens, specials counted", 512, 4, 1 << 20);
  cli.integer(kSpeedFlags, "tokens-per-batch", "tokens computed at once; a batch above it is cut into parts", 8192, 16,
              1 << 24);
  add_device_flags(cli);
  add_graph_flag(cli);
  add_profile_flags(cli);
  const char* fine = "Fine points of the schedule and of AdamW";
  cli.integer(fine, "seed", "the first seed", 0, 0, int64_t(1) << 52);
  cli.choice(fine, "schedule", "course of the learning rate after the warmup",
             {"linear", "cosine", "polynomial", "constant", "wsd", "warmup-stable-decay"}, "linear");
  cli.number(fine, "warmup-ratio", "share of the steps in which the learning rate rises from 0", 0.06, 0, 1);
  cli.number(fine, "weight-decay", "decoupled weight decay of matrices and embeddings", 0.1, 0, 10);
  cli.number(fine, "adam-beta1", "decay of the first moment", 0.9, 0, 0.999999);
  cli.number(fine, "adam-beta2", "decay of the second moment", 0.98, 0, 0.999999);
  cli.number(fine, "adam-eps", "added to the root of the second moment", 1e-6, 1e-20, 1);
  cli.number(fine, "clip", "largest global norm of the gradient; 0: no clipping", 1.0, 0, 1e9);
  return cli;
}

LabelledData read_data(const Cli& cli, const Tokenizer& tokenizer, int64_t max_length, int threads) {
  const LabelledOptions fields{.text_field = cli.get("text-field"),
                               .text_pair_field = cli.get("text-pair-field"),
                               .label_field = cli.get("label-field")};
  const std::string train = cli.required("train"), dev = cli.required("dev"), test = cli.get("test");
  LabelledData data;
  const auto rows = read_labelled(train, fields);
  data.labels = LabelMap::from_rows(rows);
  check(data.labels.size() >= 2, "{}: all {} rows have the same label '{}': nothing to learn", train, rows.size(),
        data.labels.size() ? data.labels.names()[0] : "");
  const auto tokenize = [&](const std::vector<LabelledRow>& r, const std::string& path) {
    ClassificationSet set = tokenize_rows(r, path, tokenizer, data.labels, max_length, threads);
    fmt::print("{}: {} rows, {} tokens{}\n", path, set.size(), set.tokens.size(),
               set.truncated_rows ? fmt::format(", {} rows cut to {} tokens", set.truncated_rows, max_length) : "");
    return set;
  };
  data.train = tokenize(rows, train);
  data.dev = tokenize(read_labelled(dev, fields), dev);
  if (!test.empty())
    data.test = tokenize(read_labelled(test, fields), test);
  else
    data.test.offset = {0};
  return data;
}

FinetuneOptions read_options(const Cli& cli) {
  FinetuneOptions o;
  o.model_dir = cli.required("model");
  o.output_dir = cli.required("output");
  const double epochs = cli.get_number("epochs");
  check(epochs == double(int(epochs)), "--epochs: {} is not a whole number", epochs);
  o.epochs = int(epochs);
  o.batch_size = cli.get_integer("batch-size");
  o.tokens_per_batch = cli.get_integer("tokens-per-batch");
  o.seeds = int(cli.get_integer("seeds"));
  o.first_seed = uint64_t(cli.get_integer("seed"));
  o.patience = int(cli.get_integer("patience"));
  o.metric = cli.get("metric");
  o.warmup_ratio = cli.get_number("warmup-ratio");
  o.schedule.kind = parse_schedule(cli.get("schedule"));
  o.schedule.lr = cli.get_number("lr");
  o.adamw = {.beta1 = cli.get_number("adam-beta1"),
             .beta2 = cli.get_number("adam-beta2"),
             .eps = cli.get_number("adam-eps"),
             .weight_decay = cli.get_number("weight-decay"),
             .clip = cli.get_number("clip")};
  return o;
}

void print_results(const nlohmann::json& results) {
  for (const char* split : {"dev", "test"}) {
    if (!results.contains(split)) continue;
    fmt::print("{:<5}", split);
    for (const auto& [name, value] : results[split].items())
      fmt::print("  {} {:.4f} ± {:.4f}", name, value["mean"].get<double>(), value["std_sample"].get<double>());
    fmt::print("\n");
  }
}

int run(int argc, char** argv) {
  Cli cli = make_cli();
  if (!cli.parse(argc, argv)) return 0;
  FinetuneOptions options = read_options(cli);
  check(!std::filesystem::exists(options.output_dir + "/results.json"),
        "--output: {} already holds a run (results.json); choose another folder or remove it", options.output_dir);
  const Tokenizer tokenizer = Tokenizer::load(options.model_dir);
  const EncoderConfig config = load_config(options.model_dir);
  check_vocabulary(config, tokenizer, options.model_dir);
  options.max_length = resolve_max_length(cli, config, "max-length");
  Device device = open_device(device_spec(cli));
  options.dtype = device.dtype;
  const std::unique_ptr<Profiler> profiler = make_profiler(profile_spec(cli), device);
  options.profiler = profiler.get();
  const LabelledData data = read_data(cli, tokenizer, options.max_length, device.threads);
  fmt::print("{}\n", device.description());
  const ClassifierMemory memory = plan_finetune(config, device, options, data);
  options.capacity = memory.capacity;
  options.planned_bytes = memory.plan.total();
  fmt::print("\nMemory plan, micro-batches of {} tokens\n{}\n\n", memory.capacity.tokens, to_text(memory.plan));
  options.flags = cli.resolved().dump(2) + "\n";
  const nlohmann::json results = finetune(options, data, tokenizer, *device.backend);
  print_results(results);
  fmt::print("{0}/results.json and {0}/model written\n", options.output_dir);
  if (profiler) profiler->finish(stdout);
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_program("finetune", [&] { return encore::run(argc, argv); });
}
