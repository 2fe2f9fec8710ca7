// embed: one vector a text, as a NumPy array.
#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#include "apps/program/open_model.h"
#include "apps/program/run_program.h"
#include "apps/program/text_flags.h"
#include "kernels/base/atomic_file.h"
#include "train/labelled_batches.h"

namespace encore {
namespace {

// The .npy header, version 1.0 (NumPy's format documentation), padded so that the data start at a multiple of 64.
std::string npy_header(int64_t rows, int64_t cols) {
  std::string dict = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, cols);
  const size_t unpadded = 10 + dict.size() + 1;
  dict.append((64 - unpadded % 64) % 64, ' ');
  dict += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += char(dict.size() & 0xff);
  header += char(dict.size() >> 8);
  return header + dict;
}

// Mean over the tokens of a sequence (specials too), or its first token.
void pool(const PackedBatch& batch, const std::vector<float>& hidden, int64_t width, bool mean, int64_t sequence,
          float* out) {
  const int64_t first = batch.cu_seqlens[size_t(sequence)];
  const int64_t last = mean ? batch.cu_seqlens[size_t(sequence) + 1] : first + 1;
  for (int64_t c = 0; c < width; ++c) {
    double sum = 0;
    for (int64_t r = first; r < last; ++r) sum += hidden[size_t(r * width + c)];
    out[c] = float(sum / double(last - first));
  }
}

Cli embed_cli() {
  Cli cli("embed", "writes one vector a text, taken from the last layer, as a NumPy array [texts, hidden].",
          "embed --model models/encore-mini --data texts.jsonl --output vectors.npy --pooling mean");
  cli.text("Input", "model", "Hugging Face folder", "DIR").path().often();
  cli.text("Input", "data", "rows: jsonl, csv or tsv, also .gz or .zst; a glob, or - for standard input", "FILE")
      .path().often();
  add_row_flags(cli, "Input", {});
  cli.text("Output", "output", "the array", "FILE.npy").path().often();
  cli.choice("Output", "pooling", "first: the vector of <s>; mean: over all tokens", {"first", "mean"}, "mean").often();
  add_tokens_per_batch_flag(cli, 8192);
  add_device_flags(cli);
  return cli;
}

// The rows of each batch, in order.
std::vector<Rows> cut(const ClassificationSet& set, int64_t budget) {
  Rows rows(static_cast<size_t>(set.size()));
  std::iota(rows.begin(), rows.end(), 0);
  return cut_by_tokens(set, rows, budget);
}

// Gives the vectors of all batches, in order, to `take` on rank 0. In each round every rank computes one batch.
void embed(Model& model, const ClassificationSet& set, const std::vector<Rows>& batches, bool mean, Communicator& comm,
           const std::function<void(const std::string&)>& take) {
  const int64_t width = model.config().hidden_size;
  std::vector<float> hidden, vectors;
  for (size_t round = 0; round < batches.size(); round += size_t(comm.size())) {
    vectors.clear();
    if (const size_t mine = round + size_t(comm.rank()); mine < batches.size()) {
      const PackedBatch batch = make_classification_batch(set, batches[mine], 0);
      model.hidden_states(batch, hidden);
      vectors.resize(batches[mine].size() * size_t(width));
      for (size_t i = 0; i < batches[mine].size(); ++i)
        pool(batch, hidden, width, mean, int64_t(i), vectors.data() + i * size_t(width));
    }
    const std::string_view bytes(reinterpret_cast<const char*>(vectors.data()), vectors.size() * sizeof(float));
    for (const std::string& theirs : comm.gather(bytes)) take(theirs);
  }
}

int run(int argc, char** argv, Communicator& comm) {
  Cli cli = embed_cli();
  if (!cli.parse(argc, argv)) return 0;
  const std::string path = cli.required("data"), output = cli.required("output");
  const OpenModel open = open_model(cli.required("model"), cli, comm, "seq-length");
  const ClassificationSet set =
      tokenize_rows(read_rows(cli, comm), path, *open.tokenizer, LabelMap(), open.max_length, open.device.threads);
  const auto capacity = [](int64_t tokens) {
    return BatchCapacity{.tokens = tokens, .sequences = tokens / 2 + 1, .targets = 1};
  };
  const int64_t width = open.config.hidden_size,
                budget = std::max(cli.get_integer("tokens-per-batch"), open.max_length);
  const auto model =
      load_mlm(open, {.capacity = capacity,
                      .tokens = budget,
                      .least = open.max_length,
                      .batches = int64_t(set.tokens.size()) / budget + 1,
                      .host_bytes_per_token = size_t(width) * (sizeof(float) + size_of(open.device.dtype))})
          .model;
  model->reserve(capacity(budget), Mode::kInference);

  std::optional<AtomicFile> file;
  if (comm.root()) {
    file.emplace(output);
    file->write(npy_header(set.size(), width));
  }
  embed(*model, set, cut(set, budget), cli.get("pooling") == "mean", comm,
        [&](const std::string& vectors) { file->write(vectors); });
  if (file) file->commit();
  fmt::print("{}: {} vectors of {} numbers\n", output, set.size(), width);
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_over_ranks("embed", [&](auto& comm) { return encore::run(argc, argv, comm); });
}
