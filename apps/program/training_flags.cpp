#include "apps/program/training_flags.h"

#include "apps/program/device_flags.h"
#include "apps/program/optimizer_flags.h"
#include "apps/program/run_flags.h"
#include "apps/program/text_flags.h"

namespace encore {
namespace {

using Values = std::map<std::string, std::string>;

// Gururangan et al., "Don't Stop Pretraining" (ACL 2020), Table 13. The values that its columns share.
Values paper(Values own) {
  own.insert({{"seq-length", "512"},
              {"schedule", "linear"},
              {"warmup-ratio", "0.06"},
              {"weight-decay", "0.01"},
              {"adam-beta1", "0.9"},
              {"adam-beta2", "0.98"},
              {"adam-eps", "1e-6"},
              {"mlm-probability", "0.15"},
              {"masking", "token"}});
  return own;
}

// Headings of --help: first the flags that every run needs, then those that mostly keep their defaults.
constexpr const char* kHowLong = "How long";
constexpr const char* kText = "How the text is read and cut";
constexpr const char* kWatching = "Measure and watch";
constexpr const char* kMasking = "What is predicted, and dropout";

void declare_start(Cli& cli, Recipe recipe) {
  cli.text(kStart, "model", "Hugging Face folder of the model to start from", "DIR")
      .path()
      .may_change_on_resume()
      .often();
  add_corpus_files(cli, kStart, "train", "to train on").may_change_on_resume().often();
  cli.list(kStart, "dev", "text to measure the loss on; without it, the training documents that --held-out keeps out",
           "FILE")
      .path()
      .may_change_on_resume()
      .often()
      .alias("eval");
  add_output_flag(cli, fmt::format("folder of the run, a new one [runs/{}-N]", name_of(recipe)));
  cli.flag(kStart, "dry-run",
           "print where the text goes, the memory plan and the time; measures five steps, trains "
           "nothing, writes nothing but the token cache")
      .often();
}

void declare_length(Cli& cli, Recipe recipe) {
  cli.number(kHowLong, "epochs", "passes over the text; 0, or --max-steps given without --epochs: only the steps count",
             recipe == Recipe::kTapt ? 100 : 1, 0, 1e6)
      .often();
  cli.integer(kHowLong, "max-steps", "optimiser steps; with --epochs, whichever ends first; 0: only --epochs counts", 0,
              0, int64_t(1) << 40)
      .often();
  cli.number(kHowLong, "max-hours", "save and end after this time, wherever the run is; 0: no limit", 0, 0, 1e6)
      .may_change_on_resume();
}

void declare_text(Cli& cli) {
  add_corpus_flags(cli, kText);
  cli.number(kText, "held-out", "without --dev: share of the documents kept out of training, chosen by hash", 0.01, 0,
             0.9);
  cli.choice(
      kText, "mode",
      "full: documents are cut into windows and short ones share an example; pack: whole lines of a document; "
      "split: windows that overlap by --stride; truncate: the start of each document. The loss on --dev is always "
      "measured on windows without overlap, as by mlm_eval",
      {"full", "pack", "split", "truncate"}, "full");
  cli.integer(kText, "stride", "overlap of neighbouring windows in mode split, in tokens", 0, 0, 1 << 20);
  cli.flag(kText, "cross-document-attention", "mode full: documents that share an example see each other");
}

void declare_speed(Cli& cli) {
  add_tokens_per_batch_flag(cli, 4096);
  add_device_flags(cli);
  add_graph_flag(cli);
  add_profile_flags(cli);
  add_reduce_flag(cli);
  add_cache_flag(cli, kSpeedFlags);
  cli.flag(kSpeedFlags, "verify-cache", "rehash the files instead of trusting path, size and time")
      .may_change_on_resume();
}

void declare_saving(Cli& cli) {
  add_saving_flags(cli);
  add_nonfinite_flag(cli);
  cli.choice(kSaving, "save-dtype", "precision of the weights in model/best and model/last", {"fp32", "bf16"}, "fp32")
      .may_change_on_resume();
}

void declare_watching(Cli& cli) {
  cli.integer(kWatching, "eval-every", "steps between evaluations; 0: ten times a run", 0, 0, int64_t(1) << 40);
  add_eval_tokens_flag(cli, kWatching, 100'000);
  cli.number(kWatching, "log-seconds", "seconds between lines where the output is no terminal", 10, 0, 1e6)
      .may_change_on_resume();
}

void declare_masking(Cli& cli) {
  cli.number(kMasking, "mask-share", "share of the tokens to be predicted that is shown as <mask>", 0.8, 0, 1);
  cli.number(kMasking, "random-share", "share of them that is shown as a random token; the rest is shown as it is", 0.1,
             0, 1);
  cli.number(kMasking, "dropout", "dropout of hidden states; -1: as the model's config.json says", -1, -1, 0.99);
  cli.number(kMasking, "attention-dropout",
             "dropout of attention probabilities, rounded to 1/256; -1: as config.json says", -1, -1, 0.99);
  cli.integer(kMasking, "seed", "decides order, masks, dropout and fresh weights", 42, 0, int64_t(1) << 53);
}

void add_examples(Cli& cli, Recipe recipe) {
  const std::string name = fmt::format("{}_train", name_of(recipe));
  if (recipe == Recipe::kDapt) cli.example("the bundled model on bundled text, under three minutes:", name);
  cli.example("how long would it take, and does it fit into memory?",
              name + " --model roberta-base --train corpus.txt --dry-run");
  cli.example("go on with a run that was stopped:", name + " --output runs/x --resume");
  cli.example("two processes:", "mpirun -n 2 " + name + " --model roberta-base --train corpus.txt --output runs/x");
}

}  // namespace

const char* name_of(Recipe recipe) {
  return recipe == Recipe::kTapt ? "tapt" : "dapt";
}

Cli training_cli(Recipe recipe) {
  const bool tapt = recipe == Recipe::kTapt;
  Cli cli(tapt ? "tapt_train" : "dapt_train",
          tapt
              ? "continues the pretraining of a RoBERTa on the unlabelled text of a task (TAPT)."
              : "continues the pretraining of a RoBERTa on the text of a domain (DAPT). Without --model and --train it "
                "runs a small example: the bundled base model on Gene Ontology text.",
          tapt ? "tapt_train --model roberta-base --train task.jsonl --preset paper-tapt-small --output runs/task"
               : "dapt_train --model roberta-base --train 'corpus/*.jsonl.zst' --dev held.txt --output runs/biomed");
  declare_start(cli, recipe);
  cli.presets(
         {{"paper-dapt", paper({{"max-steps", "12500"}, {"epochs", "0"}, {"batch-sequences", "2048"}, {"lr", "5e-4"}})},
          {"paper-tapt", paper({{"epochs", "100"}, {"batch-sequences", "2048"}, {"lr", "5e-4"}})},
          {"paper-tapt-small", paper({{"epochs", "100"}, {"batch-sequences", "256"}, {"lr", "1e-4"}})}},
         "values of Gururangan et al. 2020, Table 13 (tapt-small: for tasks under 5,000 examples)", kStart)
      .may_change_on_resume()
      .often();
  declare_length(cli, recipe);
  add_schedule_flags(cli, 1e-4);
  cli.integer(kLearning, "batch-sequences", "examples of --seq-length in one optimiser step, over all ranks",
              tapt ? 256 : 32, 1, 1 << 24)
      .alias("batch-size")
      .often();
  declare_text(cli);
  add_masking_flags(cli, kText, kMasking);
  declare_masking(cli);
  declare_speed(cli);
  declare_saving(cli);
  declare_watching(cli);
  add_adamw_flags(cli, {.beta2 = 0.98, .eps = 1e-6, .weight_decay = 0.01});
  cli.flag(kFinePoints, "legacy-decay", "also decay lm_head.layer_norm.weight, as the scripts of 2020 did");
  add_examples(cli, recipe);
  return cli;
}

}  // namespace encore
