// The five files by which Hugging Face's libraries know a tokenizer.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "data/tokenizer/tokenizer.h"
#include "data/tokenizer/tokenizer_data.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

using nlohmann::ordered_json;

std::string name_of_id(const TokenizerData& data, int32_t id) {
  return id < 0 ? "" : data.vocabulary.tokens[size_t(id)];
}

bool has_roberta_form(const SpecialsTemplate& specials) {
  return specials.single.before.size() == 1 && specials.single.after.size() == 1 &&
         specials == SpecialsTemplate::roberta(specials.single.before[0], specials.single.after[0]);
}

std::vector<const AddedToken*> added_by_id(const TokenizerData& data) {
  std::vector<const AddedToken*> added;
  for (const AddedToken& token : data.added.all()) added.push_back(&token);
  std::sort(added.begin(), added.end(), [](const AddedToken* a, const AddedToken* b) { return a->id < b->id; });
  return added;
}

ordered_json added_json(const AddedToken& token) {
  return {{"content", token.content},
          {"lstrip", token.lstrip},
          {"normalized", token.normalized},
          {"rstrip", token.rstrip},
          {"single_word", token.single_word}};
}

ordered_json special_map_json(const TokenizerData& data) {
  ordered_json map = ordered_json::object();
  const SpecialsTemplate::Single& around = data.specials.single;
  const auto put = [&](const char* key, int32_t id) {
    if (id < 0) return;
    map[key] = name_of_id(data, id);
    for (const AddedToken& token : data.added.all())
      if (token.id == id && token.lstrip) map[key] = added_json(token);
  };
  put("bos_token", data.bos);
  if (around.before.size() == 1) put("cls_token", around.before[0]);
  put("eos_token", data.eos);
  put("mask_token", data.mask);
  put("pad_token", data.pad);
  if (around.after.size() == 1) put("sep_token", around.after[0]);
  put("unk_token", data.unk);
  return map;
}

ordered_json config_json(const TokenizerData& data, int model_max_length) {
  ordered_json decoder = ordered_json::object();
  for (const AddedToken* token : added_by_id(data)) {
    ordered_json entry = added_json(*token);
    entry["special"] = token->special;
    decoder[std::to_string(token->id)] = std::move(entry);
  }
  ordered_json config = {{"add_prefix_space", data.add_prefix_space}, {"added_tokens_decoder", std::move(decoder)}};
  const ordered_json names = special_map_json(data);
  for (const auto& [key, value] : names.items()) config[key] = value.is_object() ? value["content"] : value;
  config["clean_up_tokenization_spaces"] = false;
  config["errors"] = "replace";
  config["model_max_length"] = model_max_length;
  // RobertaTokenizer puts its own template around a text, whatever tokenizer.json says.
  const bool roberta = has_roberta_form(data.specials);
  config["tokenizer_class"] = data.specials.empty() ? "GPT2Tokenizer"
                              : roberta             ? "RobertaTokenizer"
                                                    : "PreTrainedTokenizerFast";
  if (roberta) config["trim_offsets"] = true;
  return config;
}

// One of the two templates of tokenizers' TemplateProcessing.
class TemplateJson {
 public:
  explicit TemplateJson(const TokenizerData& data) : data_(data) {}

  void add_specials(const std::vector<int32_t>& ids) {
    for (const int32_t id : ids) {
      const std::string name = name_of_id(data_, id);
      pieces_.push_back({{"SpecialToken", {{"id", name}, {"type_id", 0}}}});
      used_[name] = {{"id", name}, {"ids", ordered_json::array({id})}, {"tokens", ordered_json::array({name})}};
    }
  }
  void add_text(const char* which) { pieces_.push_back({{"Sequence", {{"id", which}, {"type_id", 0}}}}); }
  ordered_json take_pieces() { return std::exchange(pieces_, ordered_json::array()); }
  const ordered_json& used() const { return used_; }

 private:
  const TokenizerData& data_;
  ordered_json pieces_ = ordered_json::array(), used_ = ordered_json::object();
};

ordered_json post_processor_json(const TokenizerData& data) {
  const SpecialsTemplate& specials = data.specials;
  if (specials.empty())
    return {{"type", "ByteLevel"},
            {"add_prefix_space", data.add_prefix_space},
            {"trim_offsets", true},
            {"use_regex", true}};
  if (has_roberta_form(specials)) {
    const int32_t cls = specials.single.before[0], sep = specials.single.after[0];
    return {{"type", "RobertaProcessing"},
            {"sep", ordered_json::array({name_of_id(data, sep), sep})},
            {"cls", ordered_json::array({name_of_id(data, cls), cls})},
            {"trim_offsets", true},
            {"add_prefix_space", data.add_prefix_space}};
  }
  TemplateJson json(data);
  json.add_specials(specials.single.before);
  json.add_text("A");
  json.add_specials(specials.single.after);
  const ordered_json single = json.take_pieces();
  json.add_specials(specials.pair.before);
  json.add_text("A");
  json.add_specials(specials.pair.between);
  json.add_text("B");
  json.add_specials(specials.pair.after);
  const ordered_json pair = json.take_pieces();
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", json.used()}};
}

ordered_json tokenizer_json(const TokenizerData& data) {
  ordered_json added = ordered_json::array();
  for (const AddedToken* token : added_by_id(data)) {
    added.push_back({{"id", token->id},
                     {"content", token->content},
                     {"single_word", token->single_word},
                     {"lstrip", token->lstrip},
                     {"rstrip", token->rstrip},
                     {"normalized", token->normalized},
                     {"special", token->special}});
  }
  // The keys in transformers' order; the subword model fills in its own.
  ordered_json json = {{"version", "1.0"},
                       {"truncation", nullptr},
                       {"padding", nullptr},
                       {"added_tokens", added},
                       {"normalizer", nullptr},
                       {"pre_tokenizer", nullptr},
                       {"post_processor", post_processor_json(data)},
                       {"decoder", nullptr},
                       {"model", nullptr}};
  data.model->describe(json, data.add_prefix_space);
  return json;
}

}  // namespace

std::map<std::string, std::string> render_tokenizer_files(const TokenizerData& data, int model_max_length) {
  std::map<std::string, std::string> files = data.model->files();
  files["tokenizer.json"] = tokenizer_json(data).dump(1);
  files["tokenizer_config.json"] = config_json(data, model_max_length).dump(2) + "\n";
  files["special_tokens_map.json"] = special_map_json(data).dump(2) + "\n";
  return files;
}

void Tokenizer::save(const std::string& dir, int model_max_length) const {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) fail_io("{}: cannot create the folder: {}", dir, error.message());
  std::map<std::string, std::string> files = render_tokenizer_files(*data_, model_max_length);
  for (const auto& [name, bytes] : data_->files) files[name] = bytes;
  for (const auto& [name, bytes] : files) write_file_atomic(dir + "/" + name, bytes);
}

}  // namespace encore
