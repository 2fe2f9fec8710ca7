#include "train/run_digest.h"

#include <fmt/format.h>
#include <zlib.h>

#include "kernels/base/hash.h"

namespace encore {
namespace {

constexpr size_t kNamed = 4;  // differing fields in a message

std::string as_text(const nlohmann::json& value) {
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());  // 7.0 is 7
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string named(const std::string& field, const std::string& ours, const std::string& theirs,
                  const std::string& whose) {
  return fmt::format("{} {} ({} has {})", field, ours.empty() ? "''" : ours, whose, theirs.empty() ? "''" : theirs);
}

std::string joined(const std::vector<std::string>& different) {
  std::string text;
  for (size_t i = 0; i < different.size() && i < kNamed; ++i) text += (i ? ", " : "") + different[i];
  return different.size() > kNamed ? fmt::format("{} and {} more", text, different.size() - kNamed) : text;
}

}  // namespace

std::string digest_text(uint64_t hash) {
  return fmt::format("{:016x}", hash);
}

void add_flags(RunDigest& digest, const nlohmann::json& config, const std::vector<std::string>& flags) {
  for (const std::string& flag : flags)
    if (const auto value = config.find(flag); value != config.end()) digest["--" + flag] = as_text(*value);
}

void add_model(RunDigest& digest, const EncoderConfig& c) {
  const auto add = [&](const char* field, const auto& value) {
    digest[fmt::format("{} of config.json", field)] = fmt::format("{}", value);
  };
  add("model_type", c.family->model_type);
  add("vocab_size", c.vocab_size);
  add("hidden_size", c.hidden_size);
  add("num_hidden_layers", c.num_hidden_layers);
  add("num_attention_heads", c.num_attention_heads);
  add("intermediate_size", c.intermediate_size);
  add("hidden_dropout_prob", c.hidden_dropout_prob);
  add("attention_probs_dropout_prob", c.attention_probs_dropout_prob);
  add("classifier_dropout", c.classifier_dropout < 0 ? c.hidden_dropout_prob : c.classifier_dropout);
  add("max_position_embeddings", c.max_position_embeddings);
  add("type_vocab_size", c.type_vocab_size);
  add("initializer_range", c.initializer_range);
  add("layer_norm_eps", c.layer_norm_eps);
  add("pad_token_id", c.pad_token_id);
}

uint64_t weights_digest(const ParamStore& params) {
  Hasher hash;
  for (size_t i = 0; i < params.parameters().size(); ++i) {
    const std::vector<float> values = params.read(int(i));
    hash.add(values.data(), values.size() * sizeof(float));
  }
  return hash.digest();
}

uint64_t layout_fingerprint(const ParamStore& params) {
  std::string text;
  for (const Parameter& p : params.parameters()) text += fmt::format("{} {} {};", p.name, p.offset, p.size());
  const auto crc = uint32_t(::crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size()));
  return uint64_t(crc) << 32 | uint32_t(params.length());
}

std::string differences(const RunDigest& ours, const RunDigest& theirs, const std::string& whose) {
  std::vector<std::string> different;
  for (const auto& [field, value] : ours)
    if (const auto other = theirs.find(field); other != theirs.end() && other->second != value)
      different.push_back(named(field, value, other->second, whose));
  return joined(different);
}

}  // namespace encore
