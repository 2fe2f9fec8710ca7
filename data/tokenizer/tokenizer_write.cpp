// The five files by which Hugging Face's libraries know a tokenizer.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "data/tokenizer/tokenizer.h"
#include "data/tokenizer/tokenizer_data.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

using nlohmann::ordered_json;

std::string name_of_id(const TokenizerData& data, int32_t id) {
  return id < 0 ? "" : data.tokens[size_t(id)];
}

// RoBERTa's kind: <s> and </s> are put around a text. GPT-2's has one token for every role, and puts nothing.
bool is_roberta(const TokenizerData& data) {
  return data.bos >= 0 && data.eos >= 0 && data.bos != data.eos;
}

std::vector<const AddedToken*> added_by_id(const TokenizerData& data) {
  std::vector<const AddedToken*> added;
  for (const AddedToken& token : data.added) added.push_back(&token);
  std::sort(added.begin(), added.end(), [](const AddedToken* a, const AddedToken* b) { return a->id < b->id; });
  return added;
}

ordered_json added_json(const AddedToken& token) {
  return {{"content", token.content},
          {"lstrip", token.lstrip},
          {"normalized", false},
          {"rstrip", token.rstrip},
          {"single_word", false}};
}

ordered_json vocab_json(const TokenizerData& data) {
  // An object in id order; nlohmann's ordered_json looks keys up one by one on insertion, so the vector under it is
  // filled.
  ordered_json::object_t vocab;
  vocab.reserve(data.tokens.size());
  for (size_t id = 0; id < data.tokens.size(); ++id) {
    if (data.tokens[id].empty()) continue;
    static_cast<std::vector<ordered_json::object_t::value_type>&>(vocab).emplace_back(data.tokens[id], id);
  }
  return ordered_json(std::move(vocab));
}

std::vector<std::string> merge_lines(const TokenizerData& data) {
  std::vector<std::string> lines;
  lines.reserve(data.merges.size());
  for (const auto& [left, right] : data.merges)
    lines.push_back(data.tokens[size_t(left)] + " " + data.tokens[size_t(right)]);
  return lines;
}

ordered_json special_map_json(const TokenizerData& data) {
  ordered_json map = ordered_json::object();
  const auto put = [&](const char* key, int32_t id) {
    if (id < 0) return;
    map[key] = name_of_id(data, id);
    for (const AddedToken& token : data.added)
      if (token.id == id && token.lstrip) map[key] = added_json(token);
  };
  put("bos_token", data.bos);
  if (is_roberta(data)) put("cls_token", data.bos);
  put("eos_token", data.eos);
  put("mask_token", data.mask);
  put("pad_token", data.pad);
  if (is_roberta(data)) put("sep_token", data.eos);
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
  config["tokenizer_class"] = is_roberta(data) ? "RobertaTokenizer" : "GPT2Tokenizer";
  if (is_roberta(data)) config["trim_offsets"] = true;
  return config;
}

ordered_json tokenizer_json(const TokenizerData& data) {
  ordered_json added = ordered_json::array();
  for (const AddedToken* token : added_by_id(data)) {
    added.push_back({{"id", token->id},
                     {"content", token->content},
                     {"single_word", false},
                     {"lstrip", token->lstrip},
                     {"rstrip", token->rstrip},
                     {"normalized", false},
                     {"special", token->special}});
  }
  const ordered_json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", data.add_prefix_space}, {"trim_offsets", true}, {"use_regex", true}};
  ordered_json post = byte_level;
  if (is_roberta(data)) {
    post = {{"type", "RobertaProcessing"},
            {"sep", ordered_json::array({name_of_id(data, data.eos), data.eos})},
            {"cls", ordered_json::array({name_of_id(data, data.bos), data.bos})},
            {"trim_offsets", true},
            {"add_prefix_space", data.add_prefix_space}};
  }
  ordered_json model = {{"type", "BPE"},
                        {"dropout", nullptr},
                        {"unk_token", nullptr},
                        {"continuing_subword_prefix", ""},
                        {"end_of_word_suffix", ""},
                        {"fuse_unk", false},
                        {"byte_fallback", false},
                        {"vocab", vocab_json(data)},
                        {"merges", merge_lines(data)}};
  return {{"version", "1.0"},       {"truncation", nullptr}, {"padding", nullptr},
          {"added_tokens", added},  {"normalizer", nullptr}, {"pre_tokenizer", byte_level},
          {"post_processor", post}, {"decoder", byte_level}, {"model", std::move(model)}};
}

}  // namespace

std::map<std::string, std::string> render_tokenizer_files(const TokenizerData& data, int model_max_length) {
  std::string merges = "#version: 0.2\n";
  for (const std::string& line : merge_lines(data)) merges.append(line).append("\n");
  return {{"vocab.json", vocab_json(data).dump()},
          {"merges.txt", std::move(merges)},
          {"tokenizer.json", tokenizer_json(data).dump(1)},
          {"tokenizer_config.json", config_json(data, model_max_length).dump(2) + "\n"},
          {"special_tokens_map.json", special_map_json(data).dump(2) + "\n"}};
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
