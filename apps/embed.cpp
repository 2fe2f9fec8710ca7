// embed: one vector a text, as a NumPy array.
#include <algorithm>

#include "apps/program/cli.h"
#include "data/sequences/labelled.h"
#include "kernels/base/atomic_file.h"
#include "model/checkpoint.h"
#include "model/model.h"
#include "train/device.h"
#include "train/inference_memory.h"

namespace encore {
namespace {

// The .npy header, version 1.0 (NumPy's format documentation): padded so that the data start at a multiple of 64.
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

int run(int argc, char** argv) {
  Cli cli("embed", "writes one vector a text, taken from the last layer, as a NumPy array [texts, hidden].",
          "embed --model models/encore-mini --data texts.jsonl --output vectors.npy --pooling mean");
  cli.text("Input", "model", "Hugging Face folder", "DIR");
  cli.text("Input", "data", "rows: jsonl, csv or tsv, also .gz or .zst", "FILE");
  cli.text("Input", "text-field", "key or column of the text", "NAME", "text");
  cli.integer("Input", "max-length", "longest input in tokens, specials counted", 512, 4, 1 << 20);
  cli.text("Output", "output", "the array", "FILE.npy");
  cli.choice("Output", "pooling", "first: the vector of <s>; mean: over all tokens", {"first", "mean"}, "mean");
  add_device_flags(cli);
  cli.integer(kSpeedFlags, "tokens-per-batch", "tokens computed at once", 8192, 16, 1 << 24);
  if (!cli.parse(argc, argv)) return 0;
  const std::string dir = cli.required("model"), path = cli.required("data"), output = cli.required("output");
  const EncoderConfig config = load_config(dir);
  const Tokenizer tokenizer = Tokenizer::load(dir);
  check_vocabulary(config, tokenizer, dir);
  const int64_t max_length = resolve_max_length(cli, config, "max-length");
  const auto rows = read_labelled(path, {.text_field = cli.get("text-field"), .label_field = ""});
  Device device = open_device(cli);
  const ClassificationSet set = tokenize_rows(rows, path, tokenizer, LabelMap(), max_length, device.threads);
  const auto capacity = [](int64_t tokens) {
    return BatchCapacity{.tokens = tokens, .sequences = tokens / 2 + 1, .targets = 1};
  };
  const int64_t width = config.hidden_size, budget = std::max(cli.get_integer("tokens-per-batch"), max_length);
  check_inference_memory(config, dir, device,
                         {.capacity = capacity,
                          .tokens = budget,
                          .least = max_length,
                          .batches = int64_t(set.tokens.size()) / budget + 1,
                          .host_bytes_per_token = size_t(width) * (sizeof(float) + size_of(device.dtype))});
  auto model = make_mlm(config, *device.backend, device.dtype, Mode::kInference);
  load_weights(dir, model->params(), config, 0);
  model->reserve(capacity(budget), Mode::kInference);

  AtomicFile file(output);
  file.write(npy_header(set.size(), width));
  std::vector<float> hidden, vectors;
  for (int64_t next = 0; next < set.size();) {
    std::vector<int64_t> piece;
    for (int64_t tokens = 0; next < set.size() && tokens + set.length(next) <= budget; ++next) {
      tokens += set.length(next);
      piece.push_back(next);
    }
    const PackedBatch batch = make_classification_batch(set, piece, 0);
    model->hidden_states(batch, hidden);
    vectors.resize(piece.size() * size_t(width));
    for (size_t i = 0; i < piece.size(); ++i)
      pool(batch, hidden, width, cli.get("pooling") == "mean", int64_t(i), vectors.data() + i * size_t(width));
    file.write(vectors.data(), vectors.size() * sizeof(float));
  }
  file.commit();
  fmt::print("{}: {} vectors of {} numbers\n", output, set.size(), width);
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_program("embed", [&] { return encore::run(argc, argv); });
}
