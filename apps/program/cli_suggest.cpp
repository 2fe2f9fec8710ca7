// What an unknown flag was meant to be.
#include <algorithm>
#include <numeric>
#include <string>

#include "apps/program/cli.h"

namespace encore {
namespace {

// What is called by other names in Hugging Face's Trainer and its example scripts (run_mlm.py, run_classification.py).
// Of two rows with the same name the first counts whose flag the program has.
struct Elsewhere {
  const char *here, *names;  // names: with a space around each
};
constexpr Elsewhere kElsewhere[] = {
    {"lr", " learning-rate "},
    {"batch-sequences", " per-device-train-batch-size per-gpu-train-batch-size train-batch-size "},
    {"batch-sequences", " gradient-accumulation-steps "},
    {"tokens-per-batch", " per-device-train-batch-size train-batch-size batch-size batch-sequences "},
    {"tokens-per-batch", " per-device-eval-batch-size per-gpu-eval-batch-size eval-batch-size "},
    {"tokens-per-batch", " gradient-accumulation-steps auto-find-batch-size "},
    {"epochs", " num-train-epochs num-epochs "},
    {"max-steps", " max-train-steps num-train-steps "},
    {"seq-length", " max-seq-length max-seq-len max-len block-size model-max-length "},
    {"model", " model-name-or-path model-name pretrained-model-name-or-path "},
    {"tokenizer", " tokenizer-name "},
    {"config", " config-name "},
    {"train", " train-file train-data-file dataset-name "},
    {"dev", " validation-file eval-data-file eval-file dev-file validation "},
    {"test", " test-file "},
    {"data", " train-file train-data-file dataset-name validation-file eval-data-file test-file input-file "},
    {"data", " train dev eval test input "},
    {"corpus", " corpora data train input files "},
    {"output", " output-dir output-file overwrite-output-dir save-dir "},
    {"warmup-ratio", " warmup-steps num-warmup-steps warmup "},
    {"schedule", " lr-scheduler-type lr-scheduler "},
    {"adam-eps", " adam-epsilon "},
    {"clip", " max-grad-norm "},
    {"dtype bf16", " fp16 bf16 fp16-full-eval bf16-full-eval half mixed-precision torch-dtype "},
    {"device cpu", " no-cuda use-cpu "},
    {"resume", " resume-from-checkpoint "},
    {"save-every", " save-steps save-strategy "},
    {"keep", " save-total-limit "},
    {"eval-every", " eval-steps evaluation-strategy eval-strategy "},
    {"log-seconds", " logging-steps logging-strategy "},
    {"held-out", " validation-split-percentage "},
    {"mode truncate", " line-by-line "},
    {"masking whole-word", " whole-word-mask wwm "},
    {"threads", " preprocessing-num-workers dataloader-num-workers num-proc "},
    {"verify-cache", " overwrite-cache "},
    {"text-field", " text-column-name text-column-names text-column "},
    {"label-field", " label-column-name label-column "},
    {"metric", " metric-for-best-model metric-name "},
    {"patience", " early-stopping-patience "},
    {"dropout", " hidden-dropout-prob "},
    {"attention-dropout", " attention-probs-dropout-prob "},
    {"seed", " data-seed "},
};

// The Levenshtein distance: letters to insert, delete or replace.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// "learning-rate" of "Learning_Rate".
std::string in_small_letters(std::string name) {
  for (char& c : name) c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return name;
}

}  // namespace

// "lr" for "learning_rate", "dtype bf16" for "fp16"; "" where the program has nothing of the kind.
std::string Cli::named_elsewhere(std::string name) const {
  name = in_small_letters(std::move(name));
  for (const Elsewhere& row : kElsewhere) {
    const std::string here = row.here;
    if (std::string(row.names).find(" " + name + " ") != std::string::npos && find(here.substr(0, here.find(' '))))
      return here;
  }
  return "";
}

// The end of an error about an unknown flag: ": did you mean --lr?", or without a similar flag how to list them.
std::string Cli::nearest(const std::string& name) const {
  if (const std::string here = named_elsewhere(name); !here.empty()) return fmt::format(": did you mean --{}?", here);
  const size_t mistakes = name.size() <= 3 ? 1 : name.size() <= 8 ? 2 : 3;
  const Option* best = nullptr;
  size_t least = mistakes + 1;
  const std::string words = in_small_letters(name);
  const auto compare = [&](const Option& o, const std::string& known) {
    const size_t distance = edit_distance(words, known);
    // The beginning of a longer name counts as one mistake.
    const size_t counted = words.size() >= 3 && known.starts_with(words) ? std::min<size_t>(distance, 1) : distance;
    if (counted < least) best = &o, least = counted;
  };
  for (const Option& o : options_) {
    compare(o, o.name);
    for (const std::string& alias : o.aliases) compare(o, alias);
  }
  return best ? fmt::format(": did you mean --{}?", best->name) : "; --help lists the flags";
}

}  // namespace encore
