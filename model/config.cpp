#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/input_file.h"
#include "kernels/base/read_json.h"
#include "kernels/base/version.h"
#include "kernels/ops/attention.h"
#include "model/config_labels.h"
#include "model/model_folder.h"

namespace encore {

using nlohmann::json;

namespace {

// Reads the fields of one config.json: checks their type and range, and notes those that are missing.
class Fields {
 public:
  Fields(const json& source, const std::string& file, std::vector<std::string>& notes)
      : source_(source), file_(file), notes_(notes) {}

  const json* find(const char* key) const {
    const auto it = source_.find(key);
    return it == source_.end() ? nullptr : &*it;
  }

  template <class T>
  void integer(const char* key, T& value, int64_t low, int64_t high) {
    const json* found = find_or_note(key, value);
    check(found || (value >= low && value <= high),
          "{}: {} is missing, and the class default {} does not lie from {} to {}", file_, key, value, low, high);
    if (!found) return;
    const bool fits =
        found->is_number_integer() && (!found->is_number_unsigned() || found->get<uint64_t>() <= INT64_MAX);
    check(fits, "{}: {} is {}: a whole number from {} to {} is expected", file_, key, shown_json(*found), low, high);
    const int64_t number = found->get<int64_t>();
    check(number >= low && number <= high, "{}: {} is {}: it must lie from {} to {}", file_, key, number, low, high);
    value = T(number);
  }

  // A token id. null in the file becomes -1, and so does a missing field of a family whose default is none.
  void optional_id(const char* key, int32_t& value, int64_t vocab_size) {
    const json* found = find(key);
    if (found ? found->is_null() : value < 0) {
      value = -1;
      return;
    }
    integer(key, value, 0, vocab_size - 1);
  }

  // Accepts low <= value < high, or low < value < high with open_low.
  void number(const char* key, float& value, double low, double high, bool open_low = false) {
    const json* found = find_or_note(key, value);
    if (!found) return;
    check(found->is_number(), "{}: {} is {}: a number is expected", file_, key, shown_json(*found));
    const double number = found->get<double>();
    check(number < high && (open_low ? number > low : number >= low), "{}: {} is {}: it must be {} {} and below {}",
          file_, key, shown_json(*found), open_low ? "above" : "at least", low, high);
    value = float(number);
    check(!open_low || value > 0, "{}: {} is {}: too small for single precision", file_, key, shown_json(*found));
  }

  // If the field is present, its value must be `wanted`.
  void must_equal(const char* key, const json& wanted, const char* why) const {
    const json* found = find(key);
    if (found && !found->is_null()) check(*found == wanted, "{}: {} is {}: {}", file_, key, shown_json(*found), why);
  }

 private:
  template <class T>
  const json* find_or_note(const char* key, const T& value) {
    const json* found = find(key);
    if (!found) notes_.push_back(fmt::format("{}: {} is missing: the class default {} holds", file_, key, value));
    return found;
  }

  const json& source_;
  const std::string& file_;
  std::vector<std::string>& notes_;
};

const Family& read_family(const Fields& fields, const std::string& file, std::vector<std::string>& notes) {
  if (const json* type = fields.find("model_type")) {
    check(type->is_string(), "{}: model_type is {}: a string is expected", file, shown_json(*type));
    return family_of(type->get<std::string>(), file);
  }
  const Family* family = &default_family();
  if (const json* list = fields.find("architectures"); list && list->is_array() && !list->empty()) {
    const json& first = list->front();
    family = family_of_class(first.is_string() ? first.get<std::string>() : "");
    check(family, "{}: architectures names {} and model_type is missing: {}", file, shown_json(first),
          served_families());
  }
  notes.push_back(fmt::format("{}: model_type is missing: read as {}", file, family->model_type));
  return *family;
}

// Refuses settings that change the computation and are not supported.
void check_served(const Fields& fields, const std::string& file) {
  if (const json* act = fields.find("hidden_act"); act && !act->is_null())
    check(*act == "gelu" || *act == "gelu_python",
          "{}: hidden_act is {}: only the exact gelu, by erf, is served (its names are gelu and gelu_python; the forms "
          "by tanh are other functions)",
          file, shown_json(*act));
  fields.must_equal("position_embedding_type", "absolute", "only absolute positions are served");
  fields.must_equal("is_decoder", false, "an encoder is needed");
  fields.must_equal("add_cross_attention", false, "cross-attention is not served");
  fields.must_equal("pruned_heads", json::object(), "pruned heads are not served");
  if (const json* q = fields.find("quantization_config"); q && !q->is_null())
    fail("{}: quantization_config is set: quantised weights are not served; take the original checkpoint", file);
}

// The counters of random draws (kernels/base/rng.h) have 8 bits for the layer, 16 for the head, 12 for a block of 8
// columns and 12 for a block of 32 keys.
constexpr int64_t kMostLayers = 255, kMostHeads = 65535, kMostHidden = 32768, kMostPositions = 131072;

void read_shape(Fields& fields, EncoderConfig& c) {
  fields.integer("vocab_size", c.vocab_size, 1, 1 << 28);
  fields.integer("hidden_size", c.hidden_size, 1, kMostHidden);
  fields.integer("num_hidden_layers", c.num_hidden_layers, 1, kMostLayers);
  fields.integer("num_attention_heads", c.num_attention_heads, 1, kMostHeads);
  fields.integer("intermediate_size", c.intermediate_size, 1, 1 << 20);
  fields.integer("max_position_embeddings", c.max_position_embeddings, 1, kMostPositions);
  fields.integer("type_vocab_size", c.type_vocab_size, 1, 1 << 16);
  fields.integer("pad_token_id", c.pad_token_id, 0, c.vocab_size - 1);
  fields.optional_id("bos_token_id", c.bos_token_id, c.vocab_size);
  fields.optional_id("eos_token_id", c.eos_token_id, c.vocab_size);
}

void read_reals(Fields& fields, EncoderConfig& c) {
  fields.number("hidden_dropout_prob", c.hidden_dropout_prob, 0, 1);
  fields.number("attention_probs_dropout_prob", c.attention_probs_dropout_prob, 0, 1);
  fields.number("initializer_range", c.initializer_range, 0, 1e6);
  fields.number("layer_norm_eps", c.layer_norm_eps, 0, 1, true);
  if (const json* p = fields.find("classifier_dropout"); p && !p->is_null())
    fields.number("classifier_dropout", c.classifier_dropout, 0, 1);
}

// The shortest decimal that gives this float: 1e-05, not 9.999999747378752e-06.
double shortest(float value) {
  return std::stod(fmt::format("{}", value));
}

void put_real(json& out, const char* key, float value) {
  const auto it = out.find(key);
  if (it != out.end() && it->is_number() && float(it->get<double>()) == value) return;
  out[key] = shortest(value);
}

std::string_view torch_name(DType dtype) {
  switch (dtype) {
    case DType::kBF16: return "bfloat16";
    case DType::kF16: return "float16";
    default: return "float32";
  }
}

}  // namespace

EncoderConfig parse_config(const std::string& text, const std::string& file) {
  json source = parse_json_object(text, file);
  std::vector<std::string> notes;
  Fields fields(source, file, notes);
  EncoderConfig c(read_family(fields, file, notes));
  check_served(fields, file);
  read_shape(fields, c);
  read_reals(fields, c);
  read_labels(source, file, c);
  check(c.hidden_size % c.num_attention_heads == 0, "{}: hidden_size {} is no multiple of num_attention_heads {}", file,
        c.hidden_size, c.num_attention_heads);
  check(std::find(std::begin(kHeadSizes), std::end(kHeadSizes), c.head_size()) != std::end(kHeadSizes),
        "{}: hidden_size {} with num_attention_heads {} makes heads of {}: heads of {} are served", file, c.hidden_size,
        c.num_attention_heads, c.head_size(), fmt::join(kHeadSizes, ", "));
  check(c.max_length() >= 1,
        "{}: max_position_embeddings {} leaves no position: the first token has position pad_token_id + 1 = {}", file,
        c.max_position_embeddings, c.pad_token_id + 1);
  c.source = std::move(source);
  c.notes = std::move(notes);
  return c;
}

EncoderConfig load_config(const std::string& dir) {
  check_model_folder(dir);
  return load_config_file(dir + "/config.json");
}

EncoderConfig load_config_file(const std::string& path) {
  return parse_config(read_input_file(path), path);
}

std::string config_to_json(const EncoderConfig& c, const std::string& architecture, DType dtype) {
  json out = c.source.is_object() ? c.source : json::object();
  out["architectures"] = {architecture};
  out["model_type"] = c.family->model_type;
  out["vocab_size"] = c.vocab_size;
  out["hidden_size"] = c.hidden_size;
  out["num_hidden_layers"] = c.num_hidden_layers;
  out["num_attention_heads"] = c.num_attention_heads;
  out["intermediate_size"] = c.intermediate_size;
  out["max_position_embeddings"] = c.max_position_embeddings;
  out["type_vocab_size"] = c.type_vocab_size;
  out["pad_token_id"] = c.pad_token_id;
  out["bos_token_id"] = c.bos_token_id < 0 ? json() : json(c.bos_token_id);
  out["eos_token_id"] = c.eos_token_id < 0 ? json() : json(c.eos_token_id);
  if (!out.contains("hidden_act") || out["hidden_act"].is_null()) out["hidden_act"] = "gelu";
  put_real(out, "hidden_dropout_prob", c.hidden_dropout_prob);
  put_real(out, "attention_probs_dropout_prob", c.attention_probs_dropout_prob);
  put_real(out, "initializer_range", c.initializer_range);
  put_real(out, "layer_norm_eps", c.layer_norm_eps);
  if (c.classifier_dropout < 0)
    out["classifier_dropout"] = nullptr;
  else
    put_real(out, "classifier_dropout", c.classifier_dropout);
  out["tie_word_embeddings"] = true;
  out["torch_dtype"] = out["dtype"] = torch_name(dtype);  // transformers before 4.56 and since
  out["encore_version"] = version();
  out["encore_commit"] = commit();
  for (const char* key : {"num_labels", "_num_labels", "id2label", "label2id", "problem_type"}) out.erase(key);
  if (architecture == c.family->classifier.architecture) {
    for (size_t i = 0; i < c.labels.size(); ++i) {
      out["id2label"][std::to_string(i)] = c.labels[i];
      out["label2id"][c.labels[i]] = i;
    }
    out["problem_type"] = "single_label_classification";
  }
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace encore
