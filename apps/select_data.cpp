// select_data: the passages of a domain that are nearest to the text of a task.
#include <algorithm>
#include <charconv>

#include "apps/program/open_model.h"
#include "apps/program/output_path.h"
#include "apps/program/run_program.h"
#include "apps/program/text_flags.h"
#include "data/sequences/masking.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/in_quotes.h"
#include "train/run_digest.h"
#include "train/selection/selection.h"
#include "train/selection/training_speed.h"
#include "train/signals.h"
#include "train/vampire/topics.h"

namespace encore {
namespace {

Cli select_data_cli() {
  Cli cli("select_data",
          "chooses from the text of a domain what is nearest to the text of a task, and writes both as a corpus to "
          "continue pretraining on, with a ledger of what was read, chosen and left out, and of what training on it "
          "costs.",
          "select_data --task train.jsonl --domain 'biomed/*.jsonl.zst' --sentences --k 50,150,500 --output chosen");
  cli.example(
      "random passages, as many as another selection has, to compare with:",
      "select_data --task train.jsonl --domain biomed.jsonl --sentences --method rand --count 24000 --output rand");
  cli.list("Input", "task", "the text of the task: .txt, .jsonl, .csv, .tsv, each plain, .gz or .zst", "FILES")
      .path()
      .often();
  cli.list("Input", "task-exclude", "texts that are never chosen: the task's dev and test files", "FILES").path();
  cli.list("Input", "domain", "the text to choose from, which may be larger than the memory", "FILES").path().often();
  add_corpus_flags(cli, "Input");
  cli.flag("Input", "sentences", "choose sentences of the domain's documents, not whole documents").often();
  cli.choice(
         "Method", "method",
         "how passages are chosen: knn, the nearest of each text of the task; rand, at random; dsir, by importance of "
         "hashed n-grams",
         {"knn", "rand", "dsir"}, "knn")
      .often();
  cli.text(
         "Method", "embedding",
         "by which passages are near, of knn: tfidf, lsa (81 dimensions of tfidf), model (the mean of its last layer), "
         "or a file of float32 vectors, a row for each passage of --domain",
         "tfidf|lsa|model|FILE.npy", "tfidf")
      .often();
  cli.text("Method", "task-embedding", "vectors of the texts of --task, where --embedding is a file", "FILE.npy")
      .path();
  cli.text("Method", "vampire", "model folder of vampire_train, of --embedding vampire", "DIR").path();
  cli.choice(
      "Method", "vampire-embedding",
      "mix: (hidden + topics) / 2, as the original means it; dsp: hidden - 20 * hidden 2 + topics, as the code of "
      "the paper computes; theta: topics; h1: hidden 2",
      {"mix", "dsp", "theta", "h1"}, "mix");
  cli.text("Method", "k", "neighbours of each text of the task, of knn; several numbers make a file each", "K[,K...]",
           "50")
      .often();
  cli.text("Method", "count", "passages to choose, of rand and dsir; several numbers make a file each", "N[,N...]");
  cli.choice("Method", "search", "of vectors: exact; index, approximate; auto takes an index above 1,000,000 passages",
             {"auto", "exact", "index"}, "auto");
  cli.choice("Method", "hash", "of n-grams, of dsir", {"sha256", "fnv1a64"}, "sha256");
  cli.integer("Method", "buckets", "that n-grams are hashed into, of dsir", 10000, 1, 1 << 28);
  cli.integer("Method", "ngrams", "the longest n-grams, of dsir", 2, 1, 16);
  cli.number("Method", "smoothing", "that is added to each count of the task, of dsir", 0, 0, 1e9);
  cli.flag("Method", "top", "take the largest weights without random noise, of dsir");
  cli.integer("Method", "min-tokens", "of a passage, of dsir; -1: 100, or 0 where passages are shorter on average", -1,
              -1, int64_t(1) << 40);
  cli.number("Method", "near-duplicates",
             "leave out passages whose five-word runs have at least this Jaccard index with those of a passage chosen "
             "before, or of the task; 0: only equal texts are left out",
             0, 0, 1);
  cli.flag("Method", "keep-task-texts", "also choose passages that are texts of the task");
  cli.integer("Method", "seed", "of random choices", 1, 0, int64_t(1) << 62);
  cli.text("Cost", "model",
           "Hugging Face folder: counts tokens, measures how fast it is trained here, and embeds for --embedding model",
           "DIR")
      .path()
      .often();
  cli.text("Cost", "tokenizer", "folder of a tokenizer that counts tokens, where no --model is given", "DIR").path();
  cli.text("Output", "output", "new or empty folder: the task's text with what was chosen, and ledger.json", "DIR")
      .written()
      .often();
  cli.text("Output", "json", "everything that is printed, for other programs", "FILE").written();
  cli.integer("Output", "inspect", "texts of the task that are shown with their nearest passages, of knn", 0, 0,
              1 << 20)
      .often();
  add_cache_flag(cli, "Output");
  add_tokens_per_batch_flag(cli, 4096);
  add_device_flags(cli);
  return cli;
}

// "50,150,500" as rising numbers.
std::vector<int64_t> numbers(const std::string& flag, const std::string& text) {
  std::vector<int64_t> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    int64_t value = 0;
    const auto [rest, error] = std::from_chars(text.data() + at, text.data() + end, value);
    check(error == std::errc() && rest == text.data() + end && value >= 1,
          "--{} {}: give numbers from 1 on, with commas between them, as 50,150,500", flag, in_quotes(text));
    out.push_back(value);
    at = end + 1;
  }
  std::sort(out.begin(), out.end());
  check(std::adjacent_find(out.begin(), out.end()) == out.end(), "--{} {}: names a number twice", flag,
        in_quotes(text));
  return out;
}

SelectionMethod method_of(const Cli& cli) {
  const std::string method = cli.get("method");
  return method == "knn" ? SelectionMethod::kKnn : method == "rand" ? SelectionMethod::kRandom : SelectionMethod::kDsir;
}

// Refuses flags of another method than the one that was asked for.
void check_flags(const Cli& cli) {
  const auto only = [&](const std::string& method, std::initializer_list<const char*> flags) {
    for (const char* flag : flags)
      check(cli.get("method") == method || !cli.given(flag), "--{} is of --method {}, and {} was asked for", flag,
            method, cli.get("method"));
  };
  only("knn", {"embedding", "task-embedding", "vampire", "vampire-embedding", "k", "search", "inspect"});
  only("dsir", {"hash", "buckets", "ngrams", "smoothing", "top", "min-tokens"});
  check(cli.get("method") != "knn" || !cli.given("count"), "--count is of --method rand and dsir: knn takes --k");
  check(cli.get("method") == "knn" || cli.given("count"), "--method {} needs --count: how many passages to choose",
        cli.get("method"));
  check(!cli.given("top") || !cli.given("seed"), "--top draws nothing: leave out --seed");
}

SelectionOptions selection_options(const Cli& cli) {
  const bool knn = method_of(cli) == SelectionMethod::kKnn;
  const std::string sizes = knn ? "k" : "count", search = cli.get("search");
  const double near = cli.get_number("near-duplicates");
  return {.method = method_of(cli),
          .sizes = numbers(sizes, cli.get(sizes)),
          .near_duplicates = near > 0 ? std::optional(near) : std::nullopt,
          .keep_task_texts = cli.get_flag("keep-task-texts"),
          .search = search == "exact"   ? SearchKind::kExact
                    : search == "index" ? SearchKind::kIndex
                                        : SearchKind::kAuto,
          .ngrams = {.hash = cli.get("hash") == "sha256" ? NgramHash::kSha256 : NgramHash::kFnv1a64,
                     .buckets = cli.get_integer("buckets"),
                     .ngrams = cli.get_integer("ngrams")},
          .smoothing = cli.get_number("smoothing"),
          .top = cli.get_flag("top"),
          .least_tokens = cli.get_integer("min-tokens"),
          .seed = uint64_t(cli.get_integer("seed")),
          .threads = int(cli.get_integer("threads")),
          .cache_dir = cli.get("cache-dir"),
          .inspect = cli.get_integer("inspect")};
}

// A model of the command line: for embeddings, and for the speed of training.
class SelectionModel {
 public:
  explicit SelectionModel(const Cli& cli)
      : comm_(one_process()),
        open_(open_model(cli.get("model"), cli, *comm_)),
        budget_(std::max(cli.get_integer("tokens-per-batch"), open_.max_length)) {}

  const Tokenizer& tokenizer() const { return *open_.tokenizer; }
  std::string name() const { return fmt::format("{}; {}", open_.dir, open_.device.description()); }

  std::unique_ptr<TextEmbedder> embedder() {
    const auto capacity = [](int64_t tokens) {
      return BatchCapacity{.tokens = tokens, .sequences = tokens / 2 + 1, .targets = 0};
    };
    if (!embedding_) {
      embedding_ = load_mlm(open_, {.capacity = capacity, .tokens = budget_, .least = open_.max_length}).model;
      embedding_->reserve(capacity(budget_), Mode::kInference);
    }
    return make_model_embedder(*embedding_, tokenizer(),
                               {.max_length = open_.max_length,
                                .tokens_per_batch = budget_,
                                .threads = open_.device.threads,
                                .fingerprint = weights_digest(embedding_->params())});
  }

  double speed(const std::vector<std::string>& texts) {
    embedding_.reset();
    const std::shared_ptr<const Objective> objective = make_masking({}, tokenizer());
    const auto model = load_model(open_, Head::kMlm, Mode::kTraining).model;
    Reservation reservation(*model, plan_capacity(budget_, *objective), Mode::kTraining);
    return training_tokens_per_second(reservation, texts, tokenizer(), objective,
                                      {.seq_length = open_.max_length, .tokens_per_batch = budget_});
  }

 private:
  std::unique_ptr<Communicator> comm_;
  OpenModel open_;
  int64_t budget_;
  std::unique_ptr<Model> embedding_;
};

// What an embedding is made of.
struct EmbeddingParts {
  std::optional<NpyRows> domain, task;  // vectors that were made elsewhere
  Device device;                        // of the topic model
  std::optional<SavedVampire> vampire;
};

VampireEmbedding vampire_embedding(const Cli& cli) {
  const std::string name = cli.get("vampire-embedding");
  return name == "mix"     ? VampireEmbedding::kMix
         : name == "dsp"   ? VampireEmbedding::kDsp
         : name == "theta" ? VampireEmbedding::kTheta
                           : VampireEmbedding::kH1;
}

void take_vampire(const Cli& cli, EmbeddingParts& parts, SelectionEmbedding& embedding) {
  check(!cli.get("vampire").empty(), "--embedding vampire needs --vampire: the model folder of vampire_train");
  parts.device = open_device(device_spec(cli), threads_for_rank(*one_process()), 0, 1);
  parts.vampire.emplace(load_vampire_folder(cli.get("vampire"), *parts.device.backend, Mode::kInference));
  const VampireEmbedding kind = vampire_embedding(cli);
  parts.vampire->model->embedding_size(kind);  // refuses what the model cannot give
  const auto threads = int(cli.get_integer("threads"));
  embedding.embedder = [&parts, kind, threads](const DomainText&) {
    return make_vampire_embedder(*parts.vampire, kind, threads);
  };
  embedding.topic_shares = [&parts, threads] {
    return make_vampire_embedder(*parts.vampire, VampireEmbedding::kTheta, threads);
  };
  const VampireModel& model = *parts.vampire->model;
  embedding.topic_words = words_of_topics(model.topics(), model.config().latent, parts.vampire->vocabulary);
}

// Fills in by what passages are near.
void take_embedding(const Cli& cli, SelectionModel* model, EmbeddingParts& parts, SelectionEmbedding& embedding) {
  const std::string name = cli.get("embedding");
  const bool is_file = name != "tfidf" && name != "lsa" && name != "model" && name != "vampire";
  check(is_file || cli.get("task-embedding").empty(),
        "--task-embedding belongs to an --embedding FILE.npy, and {} was asked for", name);
  check(name == "vampire" || (!cli.given("vampire") && !cli.given("vampire-embedding")),
        "--vampire is of --embedding vampire, and {} was asked for", name);
  embedding.name = name;
  if (name == "tfidf") return;
  if (name == "lsa") {
    const int threads = int(cli.get_integer("threads"));
    embedding.embedder = [threads](const DomainText& domain) {
      return make_lsa_embedder(domain, {.lsa = {.threads = threads}});
    };
  } else if (name == "vampire") {
    take_vampire(cli, parts, embedding);
  } else if (name == "model") {
    check(model != nullptr, "--embedding model needs --model: the folder of the model that embeds");
    embedding.embedder = [model](const DomainText&) { return model->embedder(); };
  } else {
    check(name.ends_with(".npy"), "--embedding {}: give tfidf, lsa, vampire, model or a file that ends in .npy",
          in_quotes(name));
    check(!cli.get("task-embedding").empty(), "--embedding {} needs --task-embedding: the vectors of --task", name);
    parts.domain.emplace(name);
    parts.task.emplace(cli.get("task-embedding"));
    check_finite(parts.domain->rows(), name);
    check_finite(parts.task->rows(), cli.get("task-embedding"));
    check(parts.domain->rows().columns == parts.task->rows().columns,
          "{} has {} columns, and {} has {}: embed both alike", name, parts.domain->rows().columns,
          cli.get("task-embedding"), parts.task->rows().columns);
    embedding.domain_rows = &*parts.domain;
    embedding.task_rows = &*parts.task;
  }
}

std::vector<std::string> files_of(const Cli& cli, const std::string& flag) {
  const std::vector<std::string> named = cli.get_list(flag);
  return named.empty() ? named : resolve_files(named, cli.get("cache-dir"), cli.get("text-field"));
}

int run(int argc, char** argv) {
  Cli cli = select_data_cli();
  if (!cli.parse(argc, argv)) return 0;
  for (const char* flag : {"task", "domain", "output"}) cli.required(flag);
  check_flags(cli);
  const SelectionOptions options = selection_options(cli);
  const CorpusOptions reading = corpus_reading(cli);
  const std::string output = output_folder(cli);
  const std::vector<std::string> task = files_of(cli, "task"), exclude = files_of(cli, "task-exclude");
  SelectionInput input{.domain = files_of(cli, "domain"),
                       .reading = reading,
                       .unit = cli.get_flag("sentences") ? Passages::Unit::kSentence : Passages::Unit::kDocument};
  check_files_apart({{"--task", task}, {"--task-exclude", exclude}, {"--domain", input.domain}});
  std::vector<std::string> inputs = input.domain;
  for (const auto& files : {task, exclude}) inputs.insert(inputs.end(), files.begin(), files.end());
  const std::string json = output_file(cli, "json", is_selection_ledger, inputs);
  input.task = TaskText::read(task, reading);
  if (!exclude.empty()) input.exclude = TaskText::read(exclude, reading);

  std::optional<Tokenizer> tokenizer;
  std::optional<SelectionModel> model;
  if (!cli.get("model").empty()) {
    check(cli.get("tokenizer").empty(), "--tokenizer is for selections without --model, which has its own");
    model.emplace(cli);
    input.tokenizer = &model->tokenizer();
    input.speed = [&](const std::vector<std::string>& texts) { return model->speed(texts); };
    input.speed_of = model->name();
  } else if (!cli.get("tokenizer").empty()) {
    tokenizer.emplace(open_tokenizer(cli.get("tokenizer")));
    input.tokenizer = &*tokenizer;
  }
  EmbeddingParts parts;
  take_embedding(cli, model ? &*model : nullptr, parts, input.embedding);

  install_stop_signals();
  const SelectionLedger ledger = select_data(input, options, output);
  if (!json.empty()) write_file_atomic(json, ledger_json(ledger));
  fmt::print("{}", ledger_text(ledger));
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_as_one_process("select_data", [&] { return encore::run(argc, argv); });
}
