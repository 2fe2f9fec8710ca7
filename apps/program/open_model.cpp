#include "apps/program/open_model.h"

#include <filesystem>

#include "data/readers/corpus_reader.h"
#include "kernels/base/in_quotes.h"
#include "model/model_folder.h"
#include "train/rank_checks.h"

namespace encore {
namespace {

OpenModel open_on_device(const std::string& dir, const EncoderConfig& config, const Cli& cli,
                         const Communicator& comm) {
  return {.dir = dir,
          .config = config,
          .max_length = config.max_length(),
          .device = open_device(device_spec(cli), threads_for_rank(comm), comm.local_rank(), comm.local_size()),
          .root = comm.root()};
}

// The files of --data that every rank reads for itself: all but streams.
std::vector<std::string> data_files(const Cli& cli) {
  std::vector<std::string> files;
  const auto inputs = cli.inputs();
  const auto data = inputs.find("data");
  if (data == inputs.end()) return files;
  for (const std::string& named : data->second) {
    std::error_code ignored;
    const bool stream =
        named == "-" || (std::filesystem::exists(named, ignored) && !std::filesystem::is_regular_file(named, ignored));
    if (stream) continue;
    const std::vector<std::string> found = resolve_files({named}, "");
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

void check_ranks(const Cli& cli, const EncoderConfig& config, const Tokenizer& tokenizer, Communicator& comm) {
  if (comm.size() > 1) check_ranks_start(flags_of_ranks(cli.repeatable()), config, &tokenizer, comm);
}

}  // namespace

Tokenizer open_tokenizer(const std::string& dir) {
  std::error_code ignored;
  const std::filesystem::path folder(dir);
  if (!std::filesystem::exists(folder / "tokenizer.json", ignored) &&
      !std::filesystem::exists(folder / "vocab.json", ignored))
    check_model_folder(dir);
  return Tokenizer::load(dir);
}

OpenModel open_model(const std::string& dir, const Cli& cli, Communicator& comm, const std::string& length_flag) {
  const EncoderConfig config = load_config(dir);
  Tokenizer tokenizer = Tokenizer::load(dir);
  check_ranks(cli, config, tokenizer, comm);
  check_vocabulary(config, tokenizer, dir);
  const int64_t length = length_flag.empty() ? config.max_length() : resolve_max_length(cli, config, length_flag);
  OpenModel open = open_on_device(dir, config, cli, comm);
  open.tokenizer.emplace(std::move(tokenizer));
  open.max_length = length;
  if (comm.size() > 1)
    check_rank_files({.dtype = open.device.dtype, .model_dir = dir, .train = data_files(cli), .eval = {}}, comm);
  return open;
}

OpenModel open_model_of_ids(const std::string& dir, const Cli& cli, const Communicator& comm) {
  return open_on_device(dir, load_config(dir), cli, comm);
}

LoadedModel load_model(const OpenModel& open, Head head, Mode mode) {
  Backend& backend = *open.device.backend;
  LoadedModel loaded;
  if (head == Head::kMlm) {
    loaded.model = make_mlm(open.config, backend, open.device.dtype, mode);
  } else {
    const int labels = int(classifier_labels(open.config, open.dir + "/config.json").size());
    loaded.model = make_classifier(open.config, labels, backend, open.device.dtype, mode);
  }
  loaded.report = load_weights(open.dir, loaded.model->params(), open.config, 0);
  if (!open.root) return loaded;
  std::vector<std::string> notes = open.config.notes;
  notes.insert(notes.end(), loaded.report.notes.begin(), loaded.report.notes.end());
  if (open.tokenizer) notes.insert(notes.end(), open.tokenizer->notes().begin(), open.tokenizer->notes().end());
  for (const std::string& note : notes) fmt::print(stderr, "note: {}\n", one_line(note));
  return loaded;
}

LoadedModel load_mlm(const OpenModel& open, const InferenceBatches& batches) {
  check_inference_memory(open.config, open.dir, open.device, batches);
  return load_model(open, Head::kMlm, Mode::kInference);
}

}  // namespace encore
