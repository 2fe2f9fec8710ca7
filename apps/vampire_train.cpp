// vampire_train: trains VAMPIRE, a topic model whose embeddings find text near a task.
#include <map>

#include "apps/program/device_flags.h"
#include "apps/program/optimizer_flags.h"
#include "apps/program/run_flags.h"
#include "apps/program/run_program.h"
#include "apps/program/run_report.h"
#include "apps/program/text_flags.h"
#include "train/signals.h"
#include "train/standard_streams.h"
#include "train/vampire/vampire_training.h"

namespace encore {
namespace {

// Headings of --help.
constexpr const char* kText = "How the text is read";
constexpr const char* kModel = "The model";
constexpr const char* kLoss = "The KL term of the loss";

using Values = std::map<std::string, std::string>;

// allenai/vampire, environments.py: what both of its versions share.
Values original(Values own) {
  own.insert({{"vocabulary-size", "30000"},
              {"least-sum", "3"},
              {"hidden", "81"},
              {"latent", "81"},
              {"z-dropout", "0.49"},
              {"encoder-activation", "none"},
              {"kl-schedule", "linear"},
              {"kl-epochs", "1000"},
              {"epochs", "50"},
              {"patience", "5"},
              {"lr", "0.001"},
              {"adam-beta1", "0.9"},
              {"adam-beta2", "0.999"},
              {"adam-eps", "1e-8"}});
  return own;
}

void declare_start(Cli& cli) {
  add_corpus_files(cli, kStart, "train", "to train on").may_change_on_resume().often();
  cli.list(kStart, "dev", "text to measure NPMI and the loss on; without it, the texts that --held-out keeps out",
           "FILE")
      .path()
      .may_change_on_resume()
      .often();
  add_output_flag(cli, "folder of the run, a new one [runs/vampire-N]");
  cli.presets(
         {{"vampire-paper",
           original({{"tfidf", "false"}, {"batch-documents", "64"}, {"kl-clamp", "0"}, {"kl-counting", "master"}})},
          {"vampire-dsp",
           original(
               {{"tfidf", "true"}, {"batch-documents", "512"}, {"kl-clamp", "1000"}, {"kl-counting", "allennlp"}})}},
         "values of one of the original's versions: vampire-paper, allenai/vampire; vampire-dsp, its branch "
         "allennlp-1.0 with TF-IDF, as Don't Stop Pretraining used it",
         kStart)
      .may_change_on_resume()
      .often();
}

void declare_text(Cli& cli) {
  add_corpus_flags(cli, kText);
  cli.flag(kText, "sentences", "cut the documents into sentences, each of which counts as a document").often();
  cli.number(kText, "held-out", "without --dev: share of the texts that are dev text, chosen by hash", 0.05, 0, 0.9);
  cli.integer(kText, "vocabulary-size", "the most frequent words of train and dev text that are counted", 30000, 2,
              1 << 24)
      .often();
  cli.flag(kText, "tfidf", "TF-IDF weights in place of counts").often();
  cli.number(kText, "least-sum", "texts whose counts (or weights) have no larger sum are left out of training", 3, 0,
             1e9);
  add_cache_flag(cli, kText);
}

void declare_model(Cli& cli) {
  cli.integer(kModel, "hidden", "width of the encoder's two layers", 81, 1, 1 << 16);
  cli.integer(kModel, "latent", "topics; the embeddings dsp and mix need as many as --hidden", 81, 1, 1 << 16).often();
  cli.choice(kModel, "encoder-activation",
             "what follows each layer of the encoder: none, as the original's code computes; relu, as its paper says",
             {"none", "relu"}, "none");
  cli.number(kModel, "z-dropout", "dropout of the latent variable, before its softmax", 0.49, 0, 0.99);
}

void declare_loss(Cli& cli) {
  cli.choice(kLoss, "kl-schedule", "how the weight of the KL term grows with the epochs",
             {"linear", "sigmoid", "constant"}, "linear");
  cli.number(kLoss, "kl-epochs", "linear: epochs until the weight is 1", 1000, 1e-9, 1e9);
  cli.number(kLoss, "kl-slope", "sigmoid: 1 / (1 + exp(-SLOPE (epoch - MIDDLE)))", 0.25, 1e-9, 1e9);
  cli.number(kLoss, "kl-middle", "sigmoid: the epoch of weight 1/2", 15, 0, 1e9);
  cli.choice(kLoss, "kl-counting",
             "which version of the original counts the epochs: master (the first two epochs count 1) or allennlp "
             "(weight 1 in the first epoch, then 0, 1, ...)",
             {"master", "allennlp"}, "master");
  cli.number(kLoss, "kl-clamp", "largest KL term of a latent variable; 0: not bounded", 0, 0, 1e9);
}

void declare_length(Cli& cli) {
  const char* length = "How long";
  cli.integer(length, "epochs", "passes over the text", 50, 1, 1 << 20).often();
  cli.integer(length, "patience", "the run ends after this many epochs without a better NPMI; 0: never", 5, 0, 1 << 20);
  cli.choice(length, "npmi", "reading of NPMI that chooses the epoch", {"standard", "vampire"}, "standard");
  cli.number(length, "max-hours", "save and end after this time, wherever the run is; 0: no limit", 0, 0, 1e6)
      .may_change_on_resume();
}

Cli vampire_cli() {
  Cli cli(
      "vampire_train",
      "trains VAMPIRE, a variational autoencoder over bags of words, whose topics and embeddings select text near a "
      "task.",
      "vampire_train --train domain.jsonl.zst --sentences --preset vampire-dsp --output runs/vampire");
  declare_start(cli);
  declare_length(cli);
  cli.number(kLearning, "lr", "learning rate of Adam, constant", 1e-3, 0, 10).often();
  cli.integer(kLearning, "batch-documents", "documents of a step", 64, 2, 1 << 20).often();
  declare_text(cli);
  declare_model(cli);
  declare_loss(cli);
  add_fp32_device_flags(cli);
  add_saving_flags(cli);
  cli.number(kFinePoints, "adam-beta1", "decay of the first moment", 0.9, 0, 0.9999999);
  cli.number(kFinePoints, "adam-beta2", "decay of the second moment", 0.999, 0, 0.9999999);
  cli.number(kFinePoints, "adam-eps", "added to the root of the second moment", 1e-8, 1e-30, 1);
  cli.integer(kFinePoints, "seed", "decides fresh weights, order, noise and dropout", 42, 0, int64_t(1) << 53);
  cli.example("go on with a run that was stopped:", "vampire_train --output runs/vampire --resume");
  return cli;
}

KlSchedule kl_schedule(const Cli& cli) {
  static const std::map<std::string, KlSchedule::Kind> kKinds = {{"linear", KlSchedule::Kind::kLinear},
                                                                 {"sigmoid", KlSchedule::Kind::kSigmoid},
                                                                 {"constant", KlSchedule::Kind::kConstant}};
  return {
      .kind = kKinds.at(cli.get("kl-schedule")),
      .counting = cli.get("kl-counting") == "master" ? KlSchedule::Counting::kMaster : KlSchedule::Counting::kAllennlp,
      .epochs = cli.get_number("kl-epochs"),
      .slope = cli.get_number("kl-slope"),
      .middle = cli.get_number("kl-middle")};
}

VampireTextOptions text_options(const Cli& cli) {
  const CorpusOptions reading = corpus_options(cli, "train");
  return {.train = reading.files,
          .dev = cli.get_list("dev"),
          .reading = reading,
          .sentences = cli.get_flag("sentences"),
          .held_out = cli.get_number("held-out"),
          .vocabulary = cli.get_integer("vocabulary-size"),
          .tfidf = cli.get_flag("tfidf"),
          .least_sum = cli.get_number("least-sum"),
          .cache_dir = cli.get("cache-dir")};
}

// Absent: --help was printed.
std::optional<VampireSpec> read_spec(int argc, char** argv) {
  Cli cli = vampire_cli();
  if (!parse_run_flags(vampire_cli, argc, argv, cli)) return std::nullopt;
  return VampireSpec{.output = output_spec(cli, "vampire"),
                     .device = device_spec(cli),
                     .text = text_options(cli),
                     .model = {.hidden = cli.get_integer("hidden"),
                               .latent = cli.get_integer("latent"),
                               .activation = cli.get("encoder-activation") == "relu" ? VampireActivation::kRelu
                                                                                     : VampireActivation::kNone,
                               .z_dropout = float(cli.get_number("z-dropout")),
                               .kl_clamp = float(cli.get_number("kl-clamp"))},
                     .kl = kl_schedule(cli),
                     .epochs = cli.get_integer("epochs"),
                     .batch_documents = cli.get_integer("batch-documents"),
                     .lr = cli.get_number("lr"),
                     .adam = {.beta1 = cli.get_number("adam-beta1"),
                              .beta2 = cli.get_number("adam-beta2"),
                              .eps = cli.get_number("adam-eps"),
                              .clip = 0},
                     .seed = uint64_t(cli.get_integer("seed")),
                     .patience = cli.get_integer("patience"),
                     .npmi = cli.get("npmi") == "standard" ? NpmiReading::kStandard : NpmiReading::kVampire,
                     .run = {.save_every = cli.get_integer("save-every"),
                             .save_minutes = cli.get_number("save-minutes"),
                             .keep = cli.get_integer("keep"),
                             .max_hours = cli.get_number("max-hours"),
                             .on_save_error = on_save_error(cli)}};
}

int run(int argc, char** argv) {
  std::optional<VampireSpec> spec = read_spec(argc, argv);
  if (!spec) return 0;
  install_stop_signals();
  drop_unwritable_output();
  return exit_code(train_vampire(std::move(*spec), report_of_run));
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_as_one_process("vampire_train", [&] { return encore::run(argc, argv); });
}
