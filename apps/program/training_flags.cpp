#include "apps/program/training_flags.h"

#include <algorithm>
#include <cmath>

#include "apps/program/device_flags.h"

namespace encore {
namespace {

using Values = std::map<std::string, std::string>;

// Gururangan et al., "Don't Stop Pretraining" (ACL 2020), Table 13. What both columns share.
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

// Headings of --help, in the order in which a person needs them: what to give, how long, how fast it learns; then what
// can stay as it is.
constexpr const char* kStart = "Start a run";
constexpr const char* kHowLong = "How long";
constexpr const char* kLearning = "How fast it learns";
constexpr const char* kText = "How the text is read and cut";
constexpr const char* kSaving = "Stop and go on";
constexpr const char* kWatching = "Measure and watch";
constexpr const char* kMasking = "What is predicted, and dropout";
constexpr const char* kAdamW = "Fine points of the schedule and of AdamW";

void declare_start(Cli& cli, bool tapt) {
  cli.text(kStart, "model", "Hugging Face folder of the model to start from", "DIR");
  cli.list(kStart, "train",
           "text to train on: .txt, .jsonl, .csv, .tsv, each plain, .gz or .zst; several files, globs, or - for "
           "standard input",
           "FILE");
  cli.list(kStart, "eval", "text to measure the loss on; without it --held-out of the training documents", "FILE");
  cli.text(kStart, "output", fmt::format("folder of the run, a new one [runs/{}-N]", tapt ? "tapt" : "dapt"), "DIR");
  cli.flag(kStart, "dry-run",
           "print where the text goes, the memory plan and how long it will take by five measured steps; trains "
           "nothing, writes nothing but the token cache");
}

void declare_length(Cli& cli, bool tapt) {
  cli.number(kHowLong, "epochs", "passes over the text; 0, or --max-steps without --epochs: the steps alone count",
             tapt ? 100 : 1, 0, 1e6);
  cli.integer(kHowLong, "max-steps", "optimiser steps; with --epochs whichever ends sooner; 0: --epochs alone counts",
              0, 0, int64_t(1) << 40);
  cli.number(kHowLong, "max-hours", "save and end after this time, wherever the run is; 0: no limit", 0, 0, 1e6);
}

void declare_learning(Cli& cli, bool tapt) {
  cli.number(kLearning, "lr", "peak learning rate; small models want a larger one (1e-3 for encore-mini)", 1e-4, 0, 10);
  cli.integer(kLearning, "batch-sequences", "examples of --seq-length in one optimiser step, over all ranks",
              tapt ? 256 : 32, 1, 1 << 24);
  cli.number(kLearning, "warmup-ratio", "share of the steps in which the learning rate rises from 0", 0.06, 0, 1);
  cli.choice(kLearning, "schedule",
             "course of the learning rate after the warmup (wsd: constant, then down at the end)",
             {"linear", "cosine", "polynomial", "constant", "wsd"}, "linear");
}

void declare_text(Cli& cli) {
  cli.text(kText, "text-field", "jsonl key, csv or tsv column that holds the text", "NAME", "text");
  cli.flag(kText, "blank-line-documents", "in .txt, documents end at a blank line (else every line is one)");
  cli.number(kText, "held-out", "without --eval: share of the documents kept out of training, chosen by hash", 0.01, 0,
             0.9);
  cli.integer(kText, "seq-length", "longest sequence in tokens, <s> and </s> counted", 512, 8, 1 << 20);
  cli.choice(
      kText, "mode",
      "full: documents are cut into windows and short ones share an example; pack: whole lines of a document; "
      "split: windows that overlap by --stride; truncate: the start of each document. The loss on --eval is always "
      "that of split without overlap, as mlm_eval measures it",
      {"full", "pack", "split", "truncate"}, "full");
  cli.integer(kText, "stride", "overlap of neighbouring windows in mode split, in tokens", 0, 0, 1 << 20);
  cli.flag(kText, "cross-document-attention", "mode full: documents that share an example see each other");
}

void declare_speed(Cli& cli) {
  cli.integer(kSpeedFlags, "tokens-per-batch", "tokens computed at a time by one rank; less takes less memory", 4096, 8,
              1 << 26);
  add_device_flags(cli);
  add_graph_flag(cli);
  add_profile_flags(cli);
  cli.choice(kSpeedFlags, "reduce-dtype",
             "precision in which gradients travel between GPUs; bf16 halves the traffic and rounds the sums",
             {"fp32", "bf16"}, "fp32");
  cli.text(kSpeedFlags, "cache-dir", "where tokenized corpora are kept [$ENCORE_CACHE, else ~/.cache/encore]", "DIR");
  cli.flag(kSpeedFlags, "verify-cache", "rehash the files instead of trusting path, size and time");
}

void declare_saving(Cli& cli) {
  cli.flag(kSaving, "resume", "continue the run in --output from its newest state; its own flags hold again");
  cli.text(kSaving, "resume-from", "--resume from this state instead of the newest: step-N; later ones are set aside",
           "step-N");
  cli.number(kSaving, "save-minutes", "minutes between states to resume from; 0: by --save-every alone", 30, 0, 1e6);
  cli.integer(kSaving, "save-every", "steps between states to resume from; 0: by --save-minutes alone", 0, 0,
              int64_t(1) << 40);
  cli.integer(kSaving, "keep", "newest states to keep (the best one stays too)", 2, 1, 1 << 20);
  cli.choice(kSaving, "save-dtype", "precision of the weights in model/best and model/last", {"fp32", "bf16"}, "fp32");
  cli.choice(kSaving, "on-save-error", "a file that cannot be written ends the run (74), or is said and tried again",
             {"stop", "continue"}, "stop");
  cli.choice(kSaving, "on-nonfinite",
             "a loss or gradient that is not finite ends the run (70), or its step is left out; three in a row end it",
             {"stop", "skip"}, "stop");
}

void declare_watching(Cli& cli) {
  cli.integer(kWatching, "eval-every", "steps between evaluations; 0: ten times a run", 0, 0, int64_t(1) << 40);
  cli.integer(kWatching, "eval-tokens",
              "an evaluation of more text than this many tokens takes windows spread over it, always the same; 0: all",
              100'000, 0, int64_t(1) << 40);
  cli.number(kWatching, "log-seconds", "seconds between lines where the output is no terminal", 10, 0, 1e6);
}

void declare_masking(Cli& cli) {
  cli.number(kMasking, "mlm-probability", "share of the tokens to be predicted", 0.15, 1e-6, 0.999);
  cli.choice(kMasking, "masking", "what is masked at a time", {"token", "whole-word"}, "token");
  cli.number(kMasking, "mask-share", "of the tokens to be predicted, share shown as <mask>", 0.8, 0, 1);
  cli.number(kMasking, "random-share", "share shown as a random token; the rest is shown as it is", 0.1, 0, 1);
  cli.number(kMasking, "dropout", "dropout of hidden states; -1: as the model's config.json says", -1, -1, 0.99);
  cli.number(kMasking, "attention-dropout",
             "dropout of attention probabilities, rounded to 1/256; -1: as config.json says", -1, -1, 0.99);
  cli.integer(kMasking, "seed", "decides order, masks, dropout and fresh weights", 42, 0, int64_t(1) << 53);
}

void declare_adamw(Cli& cli) {
  cli.number(kAdamW, "weight-decay", "decoupled weight decay of matrices and embeddings", 0.01, 0, 10);
  cli.number(kAdamW, "clip", "largest global norm of the gradient; 0: no clipping", 1, 0, 1e9);
  cli.number(kAdamW, "adam-beta1", "decay of the first moment", 0.9, 0, 0.9999999);
  cli.number(kAdamW, "adam-beta2", "decay of the second moment", 0.98, 0, 0.9999999);
  cli.number(kAdamW, "adam-eps", "added to the root of the second moment", 1e-6, 1e-30, 1);
  cli.flag(kAdamW, "legacy-decay", "also decay lm_head.layer_norm.weight, as the scripts of 2020 did");
  cli.number(kAdamW, "end-lr", "last learning rate of polynomial and wsd", 0, 0, 10);
  cli.number(kAdamW, "power", "exponent of polynomial", 1, 0, 100);
  cli.number(kAdamW, "decay-ratio", "wsd: share of the steps in which the learning rate falls", 0.1, 0, 1);
}

void add_examples(Cli& cli, bool tapt) {
  const std::string name = tapt ? "tapt_train" : "dapt_train";
  if (!tapt) cli.example("the bundled model on bundled text, under three minutes:", name);
  cli.example("how long would it take, and does it fit into memory?",
              name + " --model roberta-base --train corpus.txt --dry-run");
  cli.example("go on with a run that was stopped:", name + " --output runs/x --resume");
  cli.example("two processes:", "mpirun -n 2 " + name + " --model roberta-base --train corpus.txt --output runs/x");
}

}  // namespace

Cli training_cli(Recipe recipe) {
  const bool tapt = recipe == Recipe::kTapt;
  Cli cli(tapt ? "tapt_train" : "dapt_train",
          tapt
              ? "continues the pretraining of a RoBERTa on the unlabelled text of a task (TAPT)."
              : "continues the pretraining of a RoBERTa on the text of a domain (DAPT). Without --model and --train it "
                "runs a small example: the bundled base model on Gene Ontology text.",
          tapt ? "tapt_train --model roberta-base --train task.jsonl --preset paper-tapt-small --output runs/task"
               : "dapt_train --model roberta-base --train 'corpus/*.jsonl.zst' --eval held.txt --output runs/biomed");
  declare_start(cli, tapt);
  cli.presets(
      {{"paper-dapt", paper({{"max-steps", "12500"}, {"epochs", "0"}, {"batch-sequences", "2048"}, {"lr", "5e-4"}})},
       {"paper-tapt", paper({{"epochs", "100"}, {"batch-sequences", "2048"}, {"lr", "5e-4"}})},
       {"paper-tapt-small", paper({{"epochs", "100"}, {"batch-sequences", "256"}, {"lr", "1e-4"}})}},
      "values of Gururangan et al. 2020, Table 13 (tapt-small: for tasks under 5,000 examples)", kStart);
  declare_length(cli, tapt);
  declare_learning(cli, tapt);
  declare_text(cli);
  declare_speed(cli);
  declare_saving(cli);
  declare_watching(cli);
  declare_masking(cli);
  declare_adamw(cli);
  add_examples(cli, tapt);
  return cli;
}

DatasetOptions train_dataset_options(const Cli& cli, int threads) {
  static const std::map<std::string, SequenceMode> kModes = {{"truncate", SequenceMode::kTruncate},
                                                             {"split", SequenceMode::kSplit},
                                                             {"pack", SequenceMode::kPack},
                                                             {"full", SequenceMode::kFull}};
  DatasetOptions options;
  options.corpus.files = cli.get_list("train");
  options.corpus.text_field = cli.get("text-field");
  options.corpus.blank_line_documents = cli.get_flag("blank-line-documents");
  options.mode = kModes.at(cli.get("mode"));
  options.seq_length = cli.get_integer("seq-length");
  options.stride = cli.get_integer("stride");
  options.cross_document_attention = cli.get_flag("cross-document-attention");
  options.held_out = cli.get_list("eval").empty() ? cli.get_number("held-out") : 0;
  options.cache_dir = cli.get("cache-dir");
  options.verify_cache = cli.get_flag("verify-cache");
  options.threads = threads;
  check(options.stride == 0 || options.mode == SequenceMode::kSplit, "--stride is for --mode split, not {}",
        cli.get("mode"));
  check(!options.cross_document_attention || options.mode == SequenceMode::kFull,
        "--cross-document-attention is for --mode full, not {}", cli.get("mode"));
  return options;
}

DatasetOptions eval_dataset_options(const Cli& cli, int threads) {
  DatasetOptions options = train_dataset_options(cli, threads);
  options.mode = SequenceMode::kSplit;
  options.stride = 0;
  options.cross_document_attention = false;
  if (!cli.get_list("eval").empty()) options.corpus.files = cli.get_list("eval");
  return options;
}

MaskingOptions masking_options(const Cli& cli) {
  const MaskingOptions options{.mlm_probability = cli.get_number("mlm-probability"),
                               .mask_share = cli.get_number("mask-share"),
                               .random_share = cli.get_number("random-share"),
                               .whole_word = cli.get("masking") == "whole-word",
                               .seed = uint64_t(cli.get_integer("seed"))};
  check(options.mask_share + options.random_share <= 1,
        "--mask-share {} and --random-share {} are more than 1 together", options.mask_share, options.random_share);
  return options;
}

MaskingOptions eval_masking_options(const Cli& cli) {
  return {.mlm_probability = cli.get_number("mlm-probability"),
          .whole_word = cli.get("masking") == "whole-word",
          .seed = kEvalSeed};
}

StepOptions step_options(const Cli& cli, int64_t examples) {
  StepOptions o;
  o.batch_sequences = cli.get_integer("batch-sequences");
  o.tokens_per_batch = cli.get_integer("tokens-per-batch");
  o.seed = uint64_t(cli.get_integer("seed"));
  o.warmup_ratio = cli.get_number("warmup-ratio");
  const double epochs = cli.get_number("epochs");
  const int64_t max_steps = cli.get_integer("max-steps");
  check(epochs > 0 || max_steps > 0, "--epochs and --max-steps are both 0: one of them must say how long to train");
  o.total_examples = epochs > 0 ? std::max<int64_t>(1, std::llround(std::ceil(epochs * double(examples)))) : INT64_MAX;
  if (max_steps > 0) o.total_examples = std::min(o.total_examples, max_steps * o.batch_sequences);
  const int64_t steps = (o.total_examples + o.batch_sequences - 1) / o.batch_sequences;
  o.schedule = {.kind = parse_schedule(cli.get("schedule")),
                .lr = cli.get_number("lr"),
                .end_lr = cli.get_number("end-lr"),
                .power = cli.get_number("power"),
                .decay_steps = int64_t(std::ceil(cli.get_number("decay-ratio") * double(steps)))};
  check(o.schedule.end_lr <= o.schedule.lr, "--end-lr {:g} is above --lr {:g}", o.schedule.end_lr, o.schedule.lr);
  o.adamw = {.beta1 = cli.get_number("adam-beta1"),
             .beta2 = cli.get_number("adam-beta2"),
             .eps = cli.get_number("adam-eps"),
             .weight_decay = cli.get_number("weight-decay"),
             .clip = cli.get_number("clip"),
             .legacy_decay = cli.get_flag("legacy-decay")};
  o.reduce_dtype = cli.get("reduce-dtype") == "bf16" ? DType::kBF16 : DType::kF32;
  o.on_nonfinite = cli.get("on-nonfinite") == "skip" ? OnNonFinite::kSkip : OnNonFinite::kStop;
  return o;
}

RunOptions run_options(const Cli& cli, int64_t steps) {
  RunOptions o;
  o.eval_every = cli.get_integer("eval-every");
  if (o.eval_every == 0) o.eval_every = std::max<int64_t>(1, (steps + 9) / 10);
  o.save_every = cli.get_integer("save-every");
  o.save_minutes = cli.get_number("save-minutes");
  o.keep = cli.get_integer("keep");
  o.max_hours = cli.get_number("max-hours");
  o.log_seconds = cli.get_number("log-seconds");
  o.on_save_error = cli.get("on-save-error") == "continue" ? OnSaveError::kContinue : OnSaveError::kStop;
  o.save_dtype = cli.get("save-dtype") == "bf16" ? DType::kBF16 : DType::kF32;
  return o;
}

void apply_model_flags(Cli& cli, EncoderConfig& config) {
  const auto probability = [&](const char* flag, float& p) {
    const double value = cli.get_number(flag);
    check(value == -1 || value >= 0, "--{}: {} is neither -1 nor a probability", flag, value);
    if (value >= 0) p = float(value);
  };
  probability("dropout", config.hidden_dropout_prob);
  probability("attention-dropout", config.attention_probs_dropout_prob);
  cli.set("seq-length", std::to_string(resolve_max_length(cli, config, "seq-length")));
  check(cli.get_integer("tokens-per-batch") >= cli.get_integer("seq-length"),
        "--tokens-per-batch {} has no room for one sequence of --seq-length {}", cli.get_integer("tokens-per-batch"),
        cli.get_integer("seq-length"));
}

}  // namespace encore
