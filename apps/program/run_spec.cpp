// From the command line of dapt_train and tapt_train to the run that it asks for.
#include <algorithm>
#include <filesystem>

#include "apps/program/device_flags.h"
#include "apps/program/optimizer_flags.h"
#include "apps/program/run_flags.h"
#include "apps/program/text_flags.h"
#include "apps/program/training_flags.h"
#include "kernels/base/program_path.h"

namespace encore {
namespace {

// Without --model and --train: the bundled example, sized to end within three minutes on two cores.
void fill_in_example(Cli& cli, RunSpec& spec) {
  const auto fill = [&](const char* flag, const std::string& value) {
    if (!cli.given(flag)) cli.set(flag, value);
  };
  fill("model", project_path("models/encore-mini"));
  cli.set("train", project_path("examples/gene_ontology/train.txt"));
  if (cli.get_list("dev").empty()) cli.set("dev", project_path("examples/gene_ontology/eval.txt"));
  fill("epochs", "2");
  fill("max-hours", "0.04");
  fill("batch-sequences", "16");
  fill("lr", "1e-3");
  spec.notes.push_back(
      fmt::format("No --model and no --train: the example, {} on {}", cli.get("model"), cli.get_list("train").back()));
}

// --dropout and --attention-dropout over the checkpoint's own; --seq-length against the model's positions.
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

TextSpec text_spec(const Cli& cli) {
  static const std::map<std::string, SequenceMode> kModes = {{"truncate", SequenceMode::kTruncate},
                                                             {"split", SequenceMode::kSplit},
                                                             {"pack", SequenceMode::kPack},
                                                             {"full", SequenceMode::kFull}};
  TextSpec text{.eval_tokens = cli.get_integer("eval-tokens")};
  text.train.cache = {
      .corpus = corpus_options(cli, "train"), .dir = cli.get("cache-dir"), .verify = cli.get_flag("verify-cache")};
  text.train.layout = {.mode = kModes.at(cli.get("mode")),
                       .seq_length = cli.get_integer("seq-length"),
                       .stride = cli.get_integer("stride"),
                       .cross_document_attention = cli.get_flag("cross-document-attention"),
                       .held_out = cli.get_list("dev").empty() ? cli.get_number("held-out") : 0};
  const LayoutOptions& layout = text.train.layout;
  check(layout.stride == 0 || layout.mode == SequenceMode::kSplit, "--stride is for --mode split, not {}",
        cli.get("mode"));
  check(!layout.cross_document_attention || layout.mode == SequenceMode::kFull,
        "--cross-document-attention is for --mode full, not {}", cli.get("mode"));
  // Evaluations cut whole documents into windows, whatever --mode is: their losses can be compared between runs and
  // with mlm_eval.
  text.eval = text.train;
  text.eval.cache.corpus.files = cli.get_list("dev");
  text.eval.layout.mode = SequenceMode::kSplit;
  text.eval.layout.stride = 0;
  text.eval.layout.cross_document_attention = false;
  return text;
}

MaskingOptions masking_options(const Cli& cli) {
  const MaskingOptions options{.mlm_probability = cli.get_number("mlm-probability"),
                               .mask_share = cli.get_number("mask-share"),
                               .random_share = cli.get_number("random-share"),
                               .unit = mask_unit(cli),
                               .seed = uint64_t(cli.get_integer("seed"))};
  check(options.mask_share + options.random_share <= 1,
        "--mask-share {} and --random-share {} are more than 1 together", options.mask_share, options.random_share);
  return options;
}

RunOptions run_options(const Cli& cli) {
  return {.eval_every = cli.get_integer("eval-every"),
          .save_every = cli.get_integer("save-every"),
          .save_minutes = cli.get_number("save-minutes"),
          .keep = cli.get_integer("keep"),
          .max_hours = cli.get_number("max-hours"),
          .log_seconds = cli.get_number("log-seconds"),
          .on_save_error = on_save_error(cli),
          .save_dtype = cli.get("save-dtype") == "bf16" ? DType::kBF16 : DType::kF32};
}

}  // namespace

std::optional<RunSpec> read_run_spec(Recipe recipe, int argc, char** argv) {
  const auto declare = [&] { return training_cli(recipe); };
  Cli cli = declare();
  if (!parse_run_flags(declare, argc, argv, cli)) return std::nullopt;
  RunSpec spec{.program = fmt::format("{}_train", name_of(recipe))};
  if (cli.given("max-steps") && cli.get_integer("max-steps") > 0 && !cli.given("epochs")) cli.set("epochs", "0");
  if (cli.get("model").empty() && cli.get_list("train").empty()) fill_in_example(cli, spec);
  spec.model_dir = cli.get("model").empty() ? cli.required("model") : cli.get("model");
  cli.required("train");
  spec.model = load_config(spec.model_dir);
  apply_model_flags(cli, spec.model);

  spec.dry_run = cli.get_flag("dry-run");
  spec.device = device_spec(cli);
  spec.profile = profile_spec(cli);
  spec.text = text_spec(cli);
  spec.masking = masking_options(cli);
  spec.eval_masking = {.mlm_probability = spec.masking.mlm_probability, .unit = spec.masking.unit, .seed = kEvalSeed};
  spec.length = {.epochs = cli.get_number("epochs"), .max_steps = cli.get_integer("max-steps")};
  spec.batches = {.batch_sequences = cli.get_integer("batch-sequences"),
                  .tokens_per_batch = cli.get_integer("tokens-per-batch"),
                  .seed = uint64_t(cli.get_integer("seed"))};
  spec.step = step_options(cli);
  spec.run = run_options(cli);
  spec.output = output_spec(cli, name_of(recipe));
  return spec;
}

}  // namespace encore
