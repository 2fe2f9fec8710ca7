// finetune: a classifier from a pretrained encoder and labelled rows.
#include "apps/program/device_flags.h"
#include "apps/program/optimizer_flags.h"
#include "apps/program/run_flags.h"
#include "apps/program/run_program.h"
#include "apps/program/run_report.h"
#include "apps/program/text_flags.h"
#include "train/finetuning.h"
#include "train/signals.h"
#include "train/standard_streams.h"

namespace encore {
namespace {

void declare_start(Cli& cli) {
  cli.text(kStart, "model", "Hugging Face folder to start from", "DIR").path().may_change_on_resume().often();
  add_row_file(cli, kStart, "train", "labelled rows").may_change_on_resume().often();
  const auto rows = [&](const char* name, const char* help) {
    return cli.text(kStart, name, help, "FILE").path().may_change_on_resume().often();
  };
  rows("dev", "labelled rows that choose the best epoch").alias("eval");
  rows("test", "labelled rows that are scored once a seed, at its best epoch");
  add_output_flag(cli, "folder of the run, a new one: model/, results.json, report.html, log.jsonl");
  cli.integer(kStart, "seeds", "runs, each with its own head, order and dropout", 1, 1, 1000).often();
  cli.presets({{"paper-classifier",
                {{"epochs", "10"},
                 {"patience", "3"},
                 {"batch-sequences", "16"},
                 {"lr", "2e-5"},
                 {"warmup-ratio", "0.06"},
                 {"weight-decay", "0.1"},
                 {"adam-beta2", "0.98"},
                 {"adam-eps", "1e-6"},
                 {"clip", "1.0"},
                 {"seq-length", "512"}}}},
              "the paper's classifier: 10 epochs for small tasks (give --epochs 3 for those of 5,000 rows and more)",
              kStart)
      .may_change_on_resume();
}

Cli finetune_cli() {
  Cli cli("finetune", "fine-tunes a RoBERTa encoder into a text classifier and scores it.",
          "finetune --model runs/dapt-1/model/best --train train.jsonl --dev dev.jsonl --test test.jsonl "
          "--output runs/task --seeds 5");
  declare_start(cli);
  const char* length = "How long";
  cli.integer(length, "epochs", "passes over the training rows", 10, 1, 10000).often();
  cli.integer(length, "patience", "a seed ends after this many epochs without a better dev score; 0: never", 3, 0,
              10000);
  cli.choice(length, "metric", "dev score that chooses the epoch", {"macro-f1", "micro-f1", "weighted-f1", "accuracy"},
             "macro-f1");
  add_schedule_flags(cli, 2e-5);
  cli.integer(kLearning, "batch-sequences", "rows of one update, over all ranks", 16, 1, 1 << 20)
      .alias("batch-size")
      .often();
  add_row_flags(cli, "How rows are read", {.pair = true, .label = true});
  add_tokens_per_batch_flag(cli, 8192);
  add_device_flags(cli);
  add_graph_flag(cli);
  add_profile_flags(cli);
  add_reduce_flag(cli);
  add_saving_flags(cli);
  add_nonfinite_flag(cli);
  add_adamw_flags(cli, {.beta2 = 0.98, .eps = 1e-6, .weight_decay = 0.1});
  cli.integer(kFinePoints, "seed", "the first seed", 0, 0, int64_t(1) << 52);
  cli.example("go on with a run that was stopped:", "finetune --output runs/task --resume");
  cli.example("two processes:",
              "mpirun -n 2 finetune --model roberta-base --train train.jsonl --dev dev.jsonl --output runs/task");
  return cli;
}

// Absent: --help was printed.
std::optional<FinetuneSpec> read_finetune_spec(int argc, char** argv, Communicator& comm) {
  Cli cli = finetune_cli();
  if (!parse_run_flags(finetune_cli, argc, argv, cli)) return std::nullopt;
  FinetuneSpec spec{.model_dir = cli.required("model")};
  cli.required("output");
  spec.model = load_config(spec.model_dir);
  spec.device = device_spec(cli);
  spec.profile = profile_spec(cli);
  cli.required("train");
  cli.required("dev");
  spec.rows = {.train = rows_path(cli, "train", comm),
               .dev = rows_path(cli, "dev", comm),
               .test = rows_path(cli, "test", comm),
               .fields = row_options(cli),
               .max_length = resolve_max_length(cli, spec.model, "seq-length")};
  spec.batches = {.batch_size = cli.get_integer("batch-sequences"),
                  .tokens_per_batch = cli.get_integer("tokens-per-batch"),
                  .epochs = cli.get_integer("epochs")};
  spec.step = step_options(cli);
  spec.seeds = int(cli.get_integer("seeds"));
  spec.first_seed = uint64_t(cli.get_integer("seed"));
  spec.patience = int(cli.get_integer("patience"));
  spec.metric = cli.get("metric");
  spec.run = {.save_every = cli.get_integer("save-every"),
              .save_minutes = cli.get_number("save-minutes"),
              .keep = cli.get_integer("keep"),
              .on_save_error = on_save_error(cli)};
  spec.output = output_spec(cli, "finetune");
  return spec;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  using namespace encore;
  return run_over_ranks("finetune", [&](Communicator& comm) {
    std::optional<FinetuneSpec> spec = read_finetune_spec(argc, argv, comm);
    if (!spec) return 0;
    install_stop_signals();
    drop_unwritable_output();
    return exit_code(finetune(std::move(*spec), comm, report_of_run));
  });
}
