#include "model/family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"

namespace encore {
namespace {

// ---- RoBERTa, and XLM-RoBERTa and CamemBERT, which have the same shape and the same names

constexpr std::string_view kRobertaTypes[] = {"roberta", "xlm-roberta", "camembert"};
constexpr std::string_view kRobertaClasses[] = {"Roberta", "XLMRoberta", "Camembert"};
constexpr std::string_view kRobertaBare[] = {"embeddings.", "encoder.", "pooler."};
constexpr NameAlias kRobertaEndings[] = {{.stored = "LayerNorm.gamma", .current = "LayerNorm.weight"},
                                         {.stored = "LayerNorm.beta", .current = "LayerNorm.bias"}};
constexpr NameAlias kRobertaTied[] = {
    {.stored = "lm_head.decoder.weight", .current = "roberta.embeddings.word_embeddings.weight"},
    {.stored = "lm_head.weight", .current = "roberta.embeddings.word_embeddings.weight"},
    {.stored = "lm_head.decoder.bias", .current = "lm_head.bias"}};
constexpr UnusedTensors kRobertaUnused[] = {
    {.name = "roberta.pooler.", .reason = "a pooler, which no head here reads"},
    {.name = "roberta.embeddings.position_ids", .reason = "a buffer, worked out anew"},
    {.name = "roberta.embeddings.token_type_ids", .reason = "a buffer, worked out anew"},
    {.name = "lm_head.", .reason = "the MLM head, which this model does not have"},
    {.name = "classifier.", .reason = "another task's head, which this model does not have", .of_other_task = true},
    {.name = "qa_outputs.", .reason = "another task's head, which this model does not have", .of_other_task = true},
    {.name = "roberta.encoder.layer.",
     .reason = "no part of the layers that config.json tells of",
     .of_encoder = true}};

constexpr Family kRoberta = {.title = "RoBERTa",
                             .model_type = "roberta",
                             .model_types = kRobertaTypes,
                             .class_prefixes = kRobertaClasses,
                             .defaults = {.vocab_size = 50265,
                                          .hidden_size = 768,
                                          .num_hidden_layers = 12,
                                          .num_attention_heads = 12,
                                          .intermediate_size = 3072,
                                          .hidden_dropout_prob = 0.1f,
                                          .attention_probs_dropout_prob = 0.1f,
                                          .max_position_embeddings = 512,
                                          .type_vocab_size = 2,
                                          .initializer_range = 0.02f,
                                          .layer_norm_eps = 1e-12f,
                                          .pad_token_id = 1,
                                          .bos_token_id = 0,
                                          .eos_token_id = 2},
                             .positions = PositionRule::kAfterPadding,
                             .prefix = "roberta.",
                             .embeddings = {.word = "roberta.embeddings.word_embeddings.weight",
                                            .position = "roberta.embeddings.position_embeddings.weight",
                                            .token_type = "roberta.embeddings.token_type_embeddings.weight",
                                            .norm = "roberta.embeddings.LayerNorm"},
                             .layers = "roberta.encoder.layer",
                             .mlm_head = {.architecture = "RobertaForMaskedLM",
                                          .dense = "lm_head.dense",
                                          .norm = "lm_head.layer_norm",
                                          .bias = "lm_head.bias"},
                             .classifier = {.architecture = "RobertaForSequenceClassification",
                                            .dense = "classifier.dense",
                                            .output = "classifier.out_proj"},
                             .bare = kRobertaBare,
                             .endings = kRobertaEndings,
                             .tied = kRobertaTied,
                             .unused = kRobertaUnused};

// ---- the table

constexpr const Family* kFamilies[] = {&kRoberta};

// Families that people have checkpoints of and that are refused with a reason.
struct UnservedFamily {
  std::string_view title, model_type;
  std::string_view prefix;  // of its tensors' names
  std::string_view reason;
};
constexpr UnservedFamily kUnserved[] = {
    {.title = "BERT",
     .model_type = "bert",
     .prefix = "bert.",
     .reason = "BERT numbers positions, pools and predicts differently, and the checkpoints called RoBERTa that are "
               "BERT-shaped (hfl) count as BERT"}};

bool holds(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

const Family& default_family() {
  return kRoberta;
}

const Family& family_of(std::string_view model_type, const std::string& file) {
  for (const Family* family : kFamilies)
    if (holds(family->model_types, model_type)) return *family;
  std::string reason;
  for (const UnservedFamily& family : kUnserved)
    if (family.model_type == model_type) reason = fmt::format("; {}", family.reason);
  fail("{}: model_type is {}: {}{}", file, in_quotes(model_type), served_families(), reason);
}

const Family* family_of_class(std::string_view architecture) {
  for (const Family* family : kFamilies)
    for (const std::string_view prefix : family->class_prefixes)
      if (architecture.starts_with(prefix)) return family;
  return nullptr;
}

std::string served_families() {
  std::string text = "Encore reads ";
  for (const Family* family : kFamilies) {
    if (family != kFamilies[0]) text += " and ";
    text += fmt::format("{}-shaped models ({})", family->title, fmt::join(family->model_types, ", "));
  }
  return text;
}

std::string_view unserved_title(std::string_view tensor) {
  for (const UnservedFamily& family : kUnserved)
    if (tensor.starts_with(family.prefix)) return family.title;
  return {};
}

}  // namespace encore
