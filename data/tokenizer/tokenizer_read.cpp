// Hugging Face's tokenizer folders, read into TokenizerParts.
#include <simdjson.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "data/tokenizer/bpe_files.h"
#include "data/tokenizer/byte_level_bpe.h"
#include "data/tokenizer/post_processor.h"
#include "data/tokenizer/tokenizer_data.h"
#include "data/tokenizer/tokenizer_json.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr const char* kKnownFiles[] = {
    "vocab.json",       "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json"};

bool exists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) fail("{}: cannot open: {}", path, std::strerror(errno));
  std::string bytes;
  char chunk[size_t(1) << 16];
  while (file.read(chunk, sizeof chunk), file.gcount() > 0) bytes.append(chunk, size_t(file.gcount()));
  if (file.bad()) fail("{}: cannot read: {}", path, std::strerror(errno));
  return bytes;
}

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
    check(!file.flag(value, "single_word", false), "{}: token \"{}\": single_word true is not served", file.path,
          token.content);
  }
  check(!token.content.empty(), "{}: \"{}\" is an empty token", file.path, key);
  return token;
}

// Adds the token; of one that is there already, it replaces the flags.
void merge_added(TokenizerParts& parts, const AddedToken& token) {
  for (AddedToken& known : parts.added) {
    if (known.content != token.content) continue;
    const int32_t id = token.id >= 0 ? token.id : known.id;
    const bool special = known.special || token.special;
    known = token;
    known.id = id;
    known.special = special;
    return;
  }
  parts.added.push_back(token);
}

class FolderReader {
 public:
  explicit FolderReader(const std::string& dir) : dir_(dir) {
    struct stat info;
    if (::stat(dir.c_str(), &info) != 0) fail("{}: cannot open the tokenizer folder: {}", dir, std::strerror(errno));
    check(S_ISDIR(info.st_mode), "{}: not a folder (a tokenizer is a folder with vocab.json and merges.txt)", dir);
    parts_.source = dir;
    for (const char* name : kKnownFiles)
      if (exists(path(name))) parts_.files[name] = read_whole(path(name));
  }

  TokenizerParts read() {
    if (has("tokenizer.json")) {
      read_tokenizer_json();
    } else {
      const bool wordpiece = !has("vocab.json") && exists(path("vocab.txt"));
      check(!wordpiece, "{}: vocab.txt is a WordPiece (BERT) vocabulary: only byte-level BPE is served", dir_);
      check(has("vocab.json"), "{}: holds neither tokenizer.json nor vocab.json with merges.txt", dir_);
      check(has("merges.txt"), "{}: holds vocab.json but no merges.txt", dir_);
      const JsonFile file(path("vocab.json"), parts_.files["vocab.json"]);
      parts_.vocab = read_vocab(file, file.root);
      use_bpe(read_merges_txt(path("merges.txt"), parts_.files["merges.txt"]));
    }
    set_defaults();
    if (has("added_tokens.json") && !has("tokenizer.json")) read_added_tokens_json();
    if (has("special_tokens_map.json")) read_names("special_tokens_map.json");
    if (has("tokenizer_config.json")) read_config();
    if (!parts_.specials) use_cls_and_sep();
    add_named_specials();
    return std::move(parts_);
  }

 private:
  std::string path(std::string_view name) const { return fmt::format("{}/{}", dir_, name); }
  bool has(const std::string& name) const { return parts_.files.count(name) > 0; }

  void use_bpe(ByteLevelBpe::Merges merges) {
    parts_.make_model = [merges = std::move(merges), source = dir_](const Vocabulary& vocabulary, int32_t unk) {
      return std::make_unique<ByteLevelBpe>(vocabulary, merges, unk, source);
    };
  }

  void read_tokenizer_json() {
    const JsonFile file(path("tokenizer.json"), parts_.files["tokenizer.json"]);
    const auto model = JsonFile::member(file.root, "model");
    check(model && model->is_object(), "{}: \"model\" is missing", file.path);
    const auto type = JsonFile::member(*model, "type");
    check(!type || file.text(*type, "model.type") == "BPE", "{}: \"model.type\" is {}: only BPE is served", file.path,
          type ? file.text(*type, "model.type") : "");
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const auto value = JsonFile::member(*model, key);
      check(!value || file.text(*value, key).empty(), "{}: \"model.{}\" is not empty: not byte-level BPE", file.path,
            key);
    }
    for (const char* key : {"byte_fallback", "ignore_merges"})
      check(!file.flag(*model, key, false), "{}: \"model.{}\" true is not served", file.path, key);
    check(!JsonFile::member(file.root, "normalizer"), "{}: a \"normalizer\" is not served", file.path);
    read_pre_tokenizer(file);
    const auto vocab = JsonFile::member(*model, "vocab"), merges = JsonFile::member(*model, "merges");
    check(vocab && merges, "{}: \"model\" lacks \"vocab\" or \"merges\"", file.path);
    parts_.vocab = read_vocab(file, *vocab);
    use_bpe(read_merges_json(file, *merges));
    read_added_tokens(file);
    parts_.specials = read_post_processor(file, [this](std::string_view token) { return id_of(token); });
  }

  void read_added_tokens(const JsonFile& file) {
    const auto added = JsonFile::member(file.root, "added_tokens");
    if (!added) return;
    array entries;
    check(!added->get(entries), "{}: \"added_tokens\" is not a list", file.path);
    for (const element entry : entries) {
      AddedToken token = read_added_token(file, entry, "added_tokens");
      const auto id = JsonFile::member(entry, "id");
      check(id.has_value(), "{}: added token \"{}\" has no \"id\"", file.path, token.content);
      token.id = file.id(*id, token.content);
      parts_.added.push_back(token);
    }
  }

  void read_pre_tokenizer(const JsonFile& file) {
    const auto pre = JsonFile::member(file.root, "pre_tokenizer");
    const auto type = pre ? JsonFile::member(*pre, "type") : std::nullopt;
    check(type && file.text(*type, "pre_tokenizer.type") == "ByteLevel",
          "{}: \"pre_tokenizer\" is not ByteLevel: only byte-level BPE as GPT-2's and RoBERTa's is served", file.path);
    check(file.flag(*pre, "use_regex", true), "{}: \"pre_tokenizer.use_regex\" false is not served", file.path);
    parts_.add_prefix_space = file.flag(*pre, "add_prefix_space", false);
  }

  // -1: no such token, or its id is not given.
  int32_t id_of(std::string_view token) const {
    for (const auto& [content, id] : parts_.vocab)
      if (content == token) return id;
    for (const AddedToken& added : parts_.added)
      if (added.content == token) return added.id;
    return -1;
  }
  bool in_vocabulary(std::string_view token) const {
    return id_of(token) >= 0 || std::any_of(parts_.added.begin(), parts_.added.end(),
                                            [&](const AddedToken& added) { return added.content == token; });
  }

  // The names that RoBERTa and GPT-2 have when no file says otherwise.
  void set_defaults() {
    const auto if_there = [&](const char* name) { return in_vocabulary(name) ? std::string(name) : std::string(); };
    parts_.bos = if_there("<s>");
    parts_.eos = if_there("</s>");
    if (!parts_.bos.empty() && !parts_.eos.empty()) {
      parts_.pad = if_there("<pad>");
      parts_.unk = if_there("<unk>");
      parts_.mask = if_there("<mask>");
    } else {
      parts_.bos = parts_.eos = parts_.unk = if_there("<|endoftext|>");
    }
  }

  void read_added_tokens_json() {
    const JsonFile file(path("added_tokens.json"), parts_.files["added_tokens.json"]);
    for (const auto& [token, id] : read_vocab(file, file.root)) {
      AddedToken added;
      added.id = id;
      added.content = token;
      merge_added(parts_, added);
    }
  }

  void read_name(const JsonFile& file, const char* key, std::string& name) {
    const auto value = JsonFile::member(file.root, key);
    if (!value) return;
    AddedToken token = read_added_token(file, *value, key);
    token.special = true;
    name = token.content;
    if (value->is_object()) merge_added(parts_, token);
  }

  void read_names(const char* name) {
    const JsonFile file(path(name), parts_.files[name]);
    read_name(file, "bos_token", parts_.bos);
    read_name(file, "eos_token", parts_.eos);
    read_name(file, "pad_token", parts_.pad);
    read_name(file, "unk_token", parts_.unk);
    read_name(file, "mask_token", parts_.mask);
    read_content(file, "cls_token", cls_);
    read_content(file, "sep_token", sep_);
  }

  // The name alone: these two are mostly <s> and </s> again, whose flags stand under bos_token and eos_token.
  static void read_content(const JsonFile& file, const char* key, std::string& name) {
    auto value = JsonFile::member(file.root, key);
    if (value && value->is_object()) value = JsonFile::member(*value, "content");
    std::string_view content;
    if (value && !value->get(content)) name = content;
  }

  // cls_token and sep_token are put around a text in RoBERTa's form. GPT-2's folders may name tokens that their
  // vocabulary lacks.
  void use_cls_and_sep() {
    if (cls_.empty() || sep_.empty() || cls_ == sep_ || !in_vocabulary(cls_) || !in_vocabulary(sep_)) return;
    parts_.specials = SpecialNames::roberta(cls_, sep_);
  }

  void read_config() {
    read_names("tokenizer_config.json");
    const JsonFile file(path("tokenizer_config.json"), parts_.files["tokenizer_config.json"]);
    parts_.add_prefix_space = file.flag(file.root, "add_prefix_space", parts_.add_prefix_space);
    const auto decoder = JsonFile::member(file.root, "added_tokens_decoder");
    if (!decoder || has("tokenizer.json")) return;
    object entries;
    check(!decoder->get(entries), "{}: \"added_tokens_decoder\" is not an object", file.path);
    for (const auto [key, value] : entries) {
      AddedToken token = read_added_token(file, value, key);
      const bool digits = !key.empty() && key.size() < 9 && key.find_first_not_of("0123456789") == key.npos;
      check(digits, "{}: \"added_tokens_decoder\": \"{}\" is not an id", file.path, key);
      token.id = std::stoi(std::string(key));
      merge_added(parts_, token);
    }
  }

  // Special tokens of which no flags are given: RoBERTa's <mask> takes the blank before it.
  void add_named_specials() {
    std::vector<const std::string*> names = {&parts_.bos, &parts_.eos, &parts_.pad, &parts_.unk, &parts_.mask};
    const SpecialNames around = parts_.specials.value_or(SpecialNames());
    for (const auto* part :
         {&around.single.before, &around.single.after, &around.pair.before, &around.pair.between, &around.pair.after})
      for (const std::string& name : *part) names.push_back(&name);
    for (const std::string* name : names) {
      if (name->empty()) continue;
      AddedToken token;
      token.content = *name;
      const auto known = std::find_if(parts_.added.begin(), parts_.added.end(),
                                      [&](const AddedToken& added) { return added.content == *name; });
      if (known != parts_.added.end()) {
        known->special = true;
        continue;
      }
      token.special = true;
      token.lstrip = name == &parts_.mask;
      parts_.added.push_back(token);
    }
  }

  std::string dir_, cls_, sep_;
  TokenizerParts parts_;
};

}  // namespace

TokenizerParts read_tokenizer_folder(const std::string& dir) {
  return FolderReader(dir).read();
}

}  // namespace encore
