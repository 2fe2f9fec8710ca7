#include "apps/program/open_model.h"

#include "kernels/base/human.h"

namespace encore {
namespace {

constexpr int kDefaultLabels = 2;  // of a Hugging Face configuration without id2label

OpenModel open_on_device(const std::string& dir, const EncoderConfig& config, const Cli& cli,
                         const Communicator& comm) {
  return {.dir = dir,
          .config = config,
          .max_length = config.max_length(),
          .device = open_device(device_spec(cli), threads_for_rank(comm), comm.local_rank(), comm.local_size()),
          .root = comm.root()};
}

}  // namespace

OpenModel open_model(const std::string& dir, const Cli& cli, const Communicator& comm, const std::string& length_flag) {
  const EncoderConfig config = load_config(dir);
  Tokenizer tokenizer = Tokenizer::load(dir);
  check_vocabulary(config, tokenizer, dir);
  const int64_t length = length_flag.empty() ? config.max_length() : resolve_max_length(cli, config, length_flag);
  OpenModel open = open_on_device(dir, config, cli, comm);
  open.tokenizer.emplace(std::move(tokenizer));
  open.max_length = length;
  return open;
}

OpenModel open_model_of_ids(const std::string& dir, const Cli& cli, const Communicator& comm) {
  return open_on_device(dir, load_config(dir), cli, comm);
}

LoadedModel load_model(const OpenModel& open, Head head, Mode mode) {
  const int labels = open.config.labels.empty() ? kDefaultLabels : int(open.config.labels.size());
  Backend& backend = *open.device.backend;
  LoadedModel loaded;
  loaded.model = head == Head::kMlm ? make_mlm(open.config, backend, open.device.dtype, mode)
                                    : make_classifier(open.config, labels, backend, open.device.dtype, mode);
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
