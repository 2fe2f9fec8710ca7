// embed: one vector a text, as a NumPy array.
#include <algorithm>
#include <optional>
#include <regex>

#include "apps/program/open_model.h"
#include "apps/program/output_path.h"
#include "apps/program/run_program.h"
#include "apps/program/text_flags.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/in_quotes.h"
#include "train/embedding.h"
#include "train/work_progress.h"

namespace encore {
namespace {

// Whether a file begins like one of npy_header's.
bool is_vectors(const std::string& start) {
  static const std::regex kDict(
      fmt::format(R"(\{{'descr': '<f4', 'fortran_order': False, 'shape': \(\d+, \d+\), \}} {{{},}}\n)", kNpyMark));
  return start.size() > 10 && start.starts_with("\x93NUMPY\x01") &&
         std::regex_search(start.begin() + 10, start.begin() + std::min<std::ptrdiff_t>(266, std::ssize(start)), kDict,
                           std::regex_constants::match_continuous);
}

Cli embed_cli() {
  Cli cli("embed", "writes one vector a text, taken from the last layer, as a NumPy array [texts, hidden].",
          "embed --model models/encore-mini --data texts.jsonl --output vectors.npy --pooling mean");
  cli.text("Input", "model", "Hugging Face folder", "DIR").path().often();
  add_row_file(cli, "Input", "data", "texts, one a row").often();
  add_row_flags(cli, "Input", {});
  cli.text("Output", "output", "the array", "FILE.npy").written().often();
  cli.choice("Output", "pooling", "the vector of a text; first: that of <s>; mean: the mean over all tokens",
             {"first", "mean"}, "mean")
      .often();
  add_tokens_per_batch_flag(cli, 8192);
  add_device_flags(cli);
  return cli;
}

int run(int argc, char** argv, Communicator& comm) {
  Cli cli = embed_cli();
  if (!cli.parse(argc, argv)) return 0;
  cli.required("data");
  cli.required("output");
  const std::string output = output_file(cli, "output", is_vectors);
  const OpenModel open = open_model(cli.required("model"), cli, comm, "seq-length");
  const int64_t width = open.config.hidden_size,
                budget = std::max(cli.get_integer("tokens-per-batch"), open.max_length);
  RowBlocks rows({.path = rows_path(cli, "data", comm),
                  .fields = row_options(cli),
                  .max_length = open.max_length,
                  .tokens_per_batch = budget,
                  .threads = open.device.threads},
                 *open.tokenizer);
  const auto capacity = [](int64_t tokens) {
    return BatchCapacity{.tokens = tokens, .sequences = tokens / 2 + 1, .targets = 0};
  };
  const int64_t tokens = rows.whole() ? int64_t(rows.first().tokens.size()) : rows.text_bytes() + 4 * rows.total();
  const auto model =
      load_mlm(open, {.capacity = capacity,
                      .tokens = budget,
                      .least = open.max_length,
                      .batches = tokens / budget + 1,
                      .host_bytes_per_token = size_t(width) * (sizeof(float) + size_of(open.device.dtype)),
                      .reading_bytes = rows.reading_bytes()})
          .model;
  model->reserve(capacity(budget), Mode::kInference);

  std::optional<AtomicFile> file;
  if (comm.root()) {
    file.emplace(output);
    file->write(npy_header(rows.total(), width));
  }
  WorkProgress progress({.unit = "rows", .total = rows.total()}, !comm.root());
  for (ClassificationSet block; rows.next(block);)
    embed(*model, block, budget, cli.get("pooling") == "mean", comm, [&](const std::string& vectors) {
      file->write(vectors);
      progress.add(int64_t(vectors.size() / sizeof(float)) / width);
    });
  progress.erase();
  if (file) file->commit();
  say_what_was_cut(rows, comm);
  fmt::print("{}: {} vectors of {} numbers\n", one_line(output), rows.total(), width);
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_over_ranks("embed", [&](auto& comm) { return encore::run(argc, argv, comm); });
}
