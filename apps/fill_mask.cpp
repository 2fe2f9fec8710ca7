// fill_mask: the likeliest words for each <mask> of a text.
#include <algorithm>
#include <numeric>

#include "apps/program/cli.h"
#include "kernels/base/softmax.h"
#include "model/checkpoint.h"
#include "model/model.h"
#include "train/device.h"
#include "train/inference_memory.h"

namespace encore {
namespace {

struct Filled {
  int32_t id;
  double probability;
};

std::vector<Filled> top_k(const float* logits, int64_t vocab, int64_t k) {
  const Softmax softmax({logits, size_t(vocab)});
  std::vector<int32_t> order(static_cast<size_t>(vocab));
  std::iota(order.begin(), order.end(), 0);
  k = std::min(k, vocab);
  std::partial_sort(order.begin(), order.begin() + k, order.end(),
                    [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<Filled> out;
  for (int64_t i = 0; i < k; ++i) out.push_back({order[size_t(i)], softmax[size_t(order[size_t(i)])]});
  return out;
}

PackedBatch mask_batch(const std::vector<int32_t>& ids, int32_t mask_id) {
  PackedBatch batch;
  batch.ids = ids;
  batch.cu_seqlens = {0, int32_t(ids.size())};
  batch.example_keys = {0};
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] == mask_id) {
      batch.target_rows.push_back(int32_t(i));
      batch.target_labels.push_back(mask_id);
    }
  batch.finish();
  return batch;
}

int run(int argc, char** argv) {
  Cli cli("fill_mask", "prints the likeliest tokens for each <mask> of a text.",
          "fill_mask \"The cat sat on the <mask>.\"");
  cli.text("Input", "model", "Hugging Face folder of a masked-LM [the bundled models/encore-mini]", "DIR");
  cli.positional("text", "texts with <mask>");
  cli.integer("Output", "top-k", "tokens a mask", 5, 1, 1 << 20);
  cli.flag("Output", "json", "one JSON object a text");
  add_device_flags(cli);
  if (!cli.parse(argc, argv)) return 0;
  const std::string dir = cli.given("model") ? cli.get("model") : project_path("models/encore-mini");
  const auto texts = cli.get_list("text");
  check(!texts.empty(), "a text is needed, in quotes, with <mask> in it");
  const EncoderConfig config = load_config(dir);
  const Tokenizer tokenizer = Tokenizer::load(dir);
  check_vocabulary(config, tokenizer, dir);
  check(tokenizer.mask_id() >= 0, "{}: the tokenizer has no <mask>", dir);

  std::vector<PackedBatch> batches;
  BatchCapacity capacity;
  for (const std::string& text : texts) {
    const auto ids = tokenizer.build_inputs(tokenizer.encode(text));
    check(int64_t(ids.size()) <= config.max_length(), "the text has {} tokens; the model takes at most {}", ids.size(),
          config.max_length());
    batches.push_back(mask_batch(ids, tokenizer.mask_id()));
    check(batches.back().targets() > 0, "no <mask> in '{}'", text);
    capacity.tokens = std::max(capacity.tokens, batches.back().tokens());
    capacity.targets = std::max(capacity.targets, batches.back().targets());
  }
  capacity.sequences = 1;
  Device device = open_device(cli);
  check_inference_memory(config, dir, device,
                         {.capacity = [&](int64_t) { return capacity; },
                          .tokens = capacity.tokens,
                          .batches = int64_t(batches.size()),
                          .host_bytes_per_token = size_t(config.vocab_size) * sizeof(float)});
  auto model = make_mlm(config, *device.backend, device.dtype, Mode::kInference);
  const LoadReport report = load_weights(dir, model->params(), config, 0);
  check(!report.mlm_head_fresh, "{}: the masked-LM head is not in the file; what it would print is noise", report.file);
  model->reserve(capacity, Mode::kInference);
  std::vector<float> logits;
  for (size_t t = 0; t < texts.size(); ++t) {
    model->logits(batches[t], logits);
    nlohmann::ordered_json out{{"text", texts[t]}, {"masks", nlohmann::json::array()}};
    for (int64_t m = 0; m < batches[t].targets(); ++m) {
      nlohmann::ordered_json row = nlohmann::ordered_json::array();
      if (!cli.get_flag("json"))
        fmt::print("{}{}\n", texts[t], batches[t].targets() > 1 ? fmt::format("  (mask {})", m + 1) : "");
      for (const Filled& f :
           top_k(logits.data() + m * config.vocab_size, config.vocab_size, cli.get_integer("top-k"))) {
        const std::string word = tokenizer.decode(std::vector<int32_t>{f.id});
        if (cli.get_flag("json"))
          row.push_back({{"token", word}, {"id", f.id}, {"probability", f.probability}});
        else
          fmt::print("  {:7.4f}  {}\n", f.probability, word);
      }
      out["masks"].push_back(row);
    }
    if (cli.get_flag("json")) fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_program("fill_mask", [&] { return encore::run(argc, argv); });
}
