// The configuration of a RoBERTa-family encoder, read from and written to a checkpoint's config.json.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/base/dtype.h"

namespace encore {

// Defaults are those of Hugging Face's EncoderConfig class: what a field means when config.json lacks it.
struct EncoderConfig {
  int64_t vocab_size = 50265;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  float hidden_dropout_prob = 0.1f;
  float attention_probs_dropout_prob = 0.1f;
  float classifier_dropout = -1;  // < 0: hidden_dropout_prob
  int64_t max_position_embeddings = 512;
  int64_t type_vocab_size = 2;
  float initializer_range = 0.02f;
  float layer_norm_eps = 1e-12f;
  int32_t pad_token_id = 1;
  int32_t bos_token_id = 0;
  int32_t eos_token_id = 2;
  std::vector<std::string> labels;  // id2label in order; empty when the file has none
  nlohmann::json source;            // the whole file as read, kept so that unknown fields travel on

  std::vector<std::string> notes;  // one line per field that was missing and took the class default

  int64_t head_size() const { return hidden_size / num_attention_heads; }
  int64_t padded_vocab() const { return (vocab_size + 63) / 64 * 64; }
  // Longest sequence: positions start at pad_token_id + 1.
  int64_t max_length() const { return max_position_embeddings - pad_token_id - 1; }
};

// Reads DIR/config.json. Throws Error naming file and key: a model_type other than roberta (camembert and xlm-roberta
// have the same shape and are taken), an activation other than gelu, relative positions, a value of the wrong type or
// out of range, a hidden size that the heads do not divide.
EncoderConfig load_config(const std::string& dir);
EncoderConfig load_config_file(const std::string& file);
EncoderConfig parse_config(const std::string& text, const std::string& file);

// config.json for a checkpoint of the given architecture ("RobertaForMaskedLM", ...) whose weights are stored as dtype.
// Fields of `source` that Encore does not know travel on; a classifier's labels are written as id2label and label2id.
std::string config_to_json(const EncoderConfig&, const std::string& architecture, DType dtype = DType::kF32);

}  // namespace encore
