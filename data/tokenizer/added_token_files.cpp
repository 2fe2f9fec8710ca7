#include "data/tokenizer/added_token_files.h"

#include <algorithm>
#include <string>

namespace encore {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

void merge_special(const JsonFile& file, element value, const char* key, std::vector<AddedToken>& added) {
  AddedToken token = read_added_token(file, value, key);
  token.special = true;
  if (AddedToken* known = find_added(added, token.content); known && value.is_string())
    known->special = true;
  else
    merge_added(added, token);
}

}  // namespace

AddedToken read_added_token(const JsonFile& file, element value, std::string_view key) {
  AddedToken token;
  if (value.is_string()) {
    token.content = file.text(value, key);
  } else {
    const auto content = JsonFile::member(value, "content");
    check(content.has_value(), "{}: \"{}\" has no \"content\"", file.path, key);
    token.content = file.text(*content, "content");
    token.lstrip = file.flag(value, "lstrip", false);
    token.rstrip = file.flag(value, "rstrip", false);
    token.special = file.flag(value, "special", false);
    token.single_word = file.flag(value, "single_word", false);
    token.normalized = file.flag(value, "normalized", false);
  }
  check(!token.content.empty(), "{}: \"{}\" is an empty token", file.path, key);
  return token;
}

AddedToken* find_added(std::vector<AddedToken>& all, std::string_view content) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const AddedToken& token) { return token.content == content; });
  return found == all.end() ? nullptr : &*found;
}

void merge_added(std::vector<AddedToken>& all, const AddedToken& token) {
  AddedToken* known = find_added(all, token.content);
  if (!known) {
    all.push_back(token);
    return;
  }
  const int32_t id = token.id >= 0 ? token.id : known->id;
  const bool special = known->special || token.special;
  *known = token;
  known->id = id;
  known->special = special;
}

void read_added_list(const JsonFile& file, std::vector<AddedToken>& all) {
  const auto added = JsonFile::member(file.root, "added_tokens");
  if (!added) return;
  array entries;
  check(!added->get(entries), "{}: \"added_tokens\" is not a list", file.path);
  for (const element entry : entries) {
    AddedToken token = read_added_token(file, entry, "added_tokens");
    const auto id = JsonFile::member(entry, "id");
    check(id.has_value(), "{}: added token \"{}\" has no \"id\"", file.path, token.content);
    token.id = file.id(*id, token.content);
    all.push_back(token);
  }
}

void read_added_decoder(const JsonFile& file, std::vector<AddedToken>& all) {
  const auto decoder = JsonFile::member(file.root, "added_tokens_decoder");
  if (!decoder) return;
  object entries;
  check(!decoder->get(entries), "{}: \"added_tokens_decoder\" is not an object", file.path);
  for (const auto [key, value] : entries) {
    AddedToken token = read_added_token(file, value, key);
    const bool digits = !key.empty() && key.size() < 9 && key.find_first_not_of("0123456789") == key.npos;
    check(digits, "{}: \"added_tokens_decoder\": \"{}\" is not an id", file.path, key);
    token.id = std::stoi(std::string(key));
    merge_added(all, token);
  }
}

void read_special_list(const JsonFile& file, const char* key, std::vector<AddedToken>& all) {
  const auto value = JsonFile::member(file.root, key);
  if (!value) return;
  array list;
  object by_name;
  if (!value->get(list)) {
    for (const element entry : list) merge_special(file, entry, key, all);
  } else {
    check(!value->get(by_name), "{}: \"{}\" is neither a list nor an object of tokens", file.path, key);
    for (const auto [name, entry] : by_name) merge_special(file, entry, key, all);
  }
}

}  // namespace encore
