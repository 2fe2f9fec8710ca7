// The families of encoders that Encore serves. One table (family.cpp) has what differs between them and needs no code
// of its own: names of tensors, defaults of config.json, the position rule. No other file names a family. A new family
// is an entry in the table, and a module where its embeddings, layers or heads compute something else.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/position_rule.h"

namespace encore {

// The numbers of config.json, under its names.
struct ConfigFields {
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t intermediate_size = 0;
  float hidden_dropout_prob = 0;
  float attention_probs_dropout_prob = 0;
  float classifier_dropout = -1;  // < 0: hidden_dropout_prob
  int64_t max_position_embeddings = 0;
  int64_t type_vocab_size = 0;
  float initializer_range = 0;
  float layer_norm_eps = 0;
  int32_t pad_token_id = 0;
  int32_t bos_token_id = -1;  // -1: none
  int32_t eos_token_id = -1;
};

// Names of parameters. A layer ("dense", "norm", "output") stands for its NAME.weight and NAME.bias, everything else is
// the whole name.
struct EmbeddingNames {
  std::string_view word, position, token_type;  // the three tables
  std::string_view norm;
};
struct MlmHeadNames {
  std::string_view architecture;  // class in `architectures` of config.json
  std::string_view dense, norm;
  std::string_view bias;  // of the decoder, whose weight is the word table
};
struct ClassifierNames {
  std::string_view architecture;
  std::string_view dense, output;
};

// Another name of a tensor in a file: `stored` is an old name, or a copy, of `current`.
struct NameAlias {
  std::string_view stored, current;
};
// Tensors that a model may do without, with the reason that is reported. `name` is a whole name, or, when it ends in a
// dot, the start of names.
struct UnusedTensors {
  std::string_view name;
  const char* reason;
  bool of_other_task = false;  // a classification head, or another head on the encoder
  bool of_encoder = false;     // without it the encoder computes something else
};

struct Family {
  std::string_view title;                            // "RoBERTa", in messages
  std::string_view model_type;                       // "roberta", as written to config.json
  std::span<const std::string_view> model_types;     // the values of model_type that are read as this family
  std::span<const std::string_view> class_prefixes;  // starts of its class names, for files without model_type
  ConfigFields defaults;                             // of Hugging Face's config class, for fields that a file lacks
  PositionRule positions;

  std::string_view prefix;  // "roberta.": the start of every name of the encoder, and of no other
  EmbeddingNames embeddings;
  // "roberta.encoder.layer": layer N has the names LAYERS.N.*. The rest is the same for every family, as in Hugging
  // Face's BERT ("attention.self.query.weight"): encoder_layer.cpp, self_attention.cpp and feed_forward.cpp have it.
  std::string_view layers;
  MlmHeadNames mlm_head;
  ClassifierNames classifier;

  std::span<const std::string_view> bare;  // starts of names that base-model saves store without `prefix`
  std::span<const NameAlias> endings;      // ends of names that older files use
  std::span<const NameAlias> tied;         // copies of a parameter that the decoder shares
  std::span<const UnusedTensors> unused;   // the first that matches gives the reason
};

// The family of a config.json without model_type and architectures.
const Family& default_family();
// By model_type. Throws Error naming `file` and the families that are served.
const Family& family_of(std::string_view model_type, const std::string& file);
// By a class name of `architectures`, "RobertaForMaskedLM"; null: of no family that is served.
const Family* family_of_class(std::string_view architecture);
// "Encore reads RoBERTa-shaped models (roberta, xlm-roberta, camembert)"
std::string served_families();

// The title of a family that is known and not served, by the name of one of its tensors; empty: of none.
std::string_view unserved_title(std::string_view tensor);

}  // namespace encore
