// fill_mask: the likeliest words for each <mask> of a text.
#include <algorithm>

#include "apps/program/open_model.h"
#include "apps/program/run_program.h"
#include "kernels/base/program_path.h"
#include "kernels/base/softmax.h"

namespace encore {
namespace {

struct Filled {
  int32_t id;
  double probability;
};

// Only ids that have a token: a padded vocabulary has rows without one, whose logits no training has set.
std::vector<Filled> top_k(const float* logits, int64_t vocab, const Tokenizer& tokenizer, int64_t k) {
  const Softmax softmax({logits, size_t(vocab)});
  std::vector<int32_t> order;
  for (int32_t id = 0; id < std::min(int64_t(tokenizer.vocab_size()), vocab); ++id)
    if (tokenizer.has_token(id)) order.push_back(id);
  k = std::min(k, int64_t(order.size()));
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

Cli fill_mask_cli() {
  Cli cli("fill_mask", "prints the likeliest tokens for each <mask> of a text.",
          "fill_mask \"The cat sat on the <mask>.\"");
  cli.text("Input", "model", "Hugging Face folder of a masked-LM [the bundled models/encore-mini]", "DIR").path();
  cli.positional("text", "texts with <mask>");
  cli.integer("Output", "top-k", "tokens to print for each <mask>", 5, 1, 1 << 20);
  cli.flag("Output", "json", "one JSON object a text");
  add_device_flags(cli);
  return cli;
}

// One batch for each text.
std::vector<PackedBatch> mask_batches(const std::vector<std::string>& texts, const OpenModel& open) {
  const Tokenizer& tokenizer = *open.tokenizer;
  check(tokenizer.mask_id() >= 0, "{}: the tokenizer has no <mask>", open.dir);
  std::vector<PackedBatch> batches;
  for (const std::string& text : texts) {
    const auto ids = tokenizer.build_inputs(tokenizer.encode(text));
    check(int64_t(ids.size()) <= open.max_length, "the text has {} tokens; the model takes at most {}", ids.size(),
          open.max_length);
    batches.push_back(mask_batch(ids, tokenizer.mask_id()));
    check(batches.back().targets() > 0, "no <mask> in '{}'", text);
  }
  return batches;
}

// logits: [masks, vocab].
void print_text(const std::string& text, const std::vector<float>& logits, const Tokenizer& tokenizer, int64_t vocab,
                int64_t k, bool json) {
  nlohmann::ordered_json out{{"text", text}, {"masks", nlohmann::json::array()}};
  const int64_t masks = int64_t(logits.size()) / vocab;
  for (int64_t m = 0; m < masks; ++m) {
    nlohmann::ordered_json row = nlohmann::ordered_json::array();
    if (!json) fmt::print("{}{}\n", text, masks > 1 ? fmt::format("  (mask {})", m + 1) : "");
    for (const Filled& f : top_k(logits.data() + m * vocab, vocab, tokenizer, k)) {
      const std::string word = tokenizer.decode(std::vector<int32_t>{f.id});
      if (json)
        row.push_back({{"token", word}, {"id", f.id}, {"probability", f.probability}});
      else
        fmt::print("  {:7.4f}  {}\n", f.probability, word);
    }
    out["masks"].push_back(row);
  }
  if (json) fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

int run(int argc, char** argv) {
  Cli cli = fill_mask_cli();
  if (!cli.parse(argc, argv)) return 0;
  const auto texts = cli.get_list("text");
  check(!texts.empty(), "a text is needed, in quotes, with <mask> in it");
  const std::string dir = cli.given("model") ? cli.get("model") : project_path("models/encore-mini");
  const OpenModel open = open_model(dir, cli, *one_process());
  const std::vector<PackedBatch> batches = mask_batches(texts, open);
  BatchCapacity capacity{.sequences = 1};
  for (const PackedBatch& batch : batches) {
    capacity.tokens = std::max(capacity.tokens, batch.tokens());
    capacity.targets = std::max(capacity.targets, batch.targets());
  }
  const auto [model, report] = load_mlm(open, {.capacity = [&](int64_t) { return capacity; },
                                               .tokens = capacity.tokens,
                                               .batches = int64_t(batches.size()),
                                               .host_bytes_per_token = size_t(open.config.vocab_size) * sizeof(float)});
  check(!report.mlm_head_fresh,
        "{}: the masked-LM head is not in the file: the tokens would be those of random weights", report.file);
  model->reserve(capacity, Mode::kInference);
  std::vector<float> logits;
  for (size_t t = 0; t < texts.size(); ++t) {
    model->logits(batches[t], logits);
    print_text(texts[t], logits, *open.tokenizer, open.config.vocab_size, cli.get_integer("top-k"),
               cli.get_flag("json"));
  }
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_as_one_process("fill_mask", [&] { return encore::run(argc, argv); });
}
