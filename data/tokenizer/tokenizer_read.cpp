// Hugging Face's tokenizer folders, read into TokenizerParts.
#include <simdjson.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "data/tokenizer/added_token_files.h"
#include "data/tokenizer/bpe_files.h"
#include "data/tokenizer/byte_level_bpe.h"
#include "data/tokenizer/post_processor.h"
#include "data/tokenizer/tokenizer_class.h"
#include "data/tokenizer/tokenizer_data.h"
#include "data/tokenizer/tokenizer_json.h"
#include "kernels/base/check.h"
#include "kernels/base/input_file.h"

namespace encore {
namespace {

constexpr const char* kKnownFiles[] = {
    "vocab.json",       "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json"};

// A pipe or a device counts: it is then refused by name, and not passed over.
bool exists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

class FolderReader {
 public:
  explicit FolderReader(const std::string& dir) : dir_(dir) {
    struct stat info;
    if (::stat(dir.c_str(), &info) != 0) fail("{}: cannot open the tokenizer folder: {}", dir, std::strerror(errno));
    check(S_ISDIR(info.st_mode), "{}: not a folder (a tokenizer is a folder with vocab.json and merges.txt)", dir);
    parts_.source = dir;
    for (const char* name : kKnownFiles)
      if (exists(path(name))) parts_.files[name] = read_input_file(path(name));
  }

  TokenizerParts read() {
    read_class();
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
      if (class_ == TokenizerClass::kAsFile) class_ = TokenizerClass::kUnnamed;
    }
    const TokenizerParts as_filed{
        .added = parts_.added, .specials = parts_.specials, .add_prefix_space = parts_.add_prefix_space};
    read_added_beside();
    set_defaults();
    read_roles("special_tokens_map.json");
    read_roles("tokenizer_config.json");
    read_prefix_space();
    drop_unknown_roles();
    if (!parts_.specials) put_cls_and_sep_around();
    if (!reads_alike(as_filed)) parts_.files.erase("tokenizer.json");
    add_named_specials();
    return std::move(parts_);
  }

 private:
  std::string path(std::string_view name) const { return fmt::format("{}/{}", dir_, name); }
  bool has(const std::string& name) const { return parts_.files.count(name) > 0; }

  void use_bpe(ByteLevelBpe::Merges merges, bool fuse_unk = false) {
    parts_.make_model = [merges = std::move(merges), fuse_unk, source = dir_](const Vocabulary& vocabulary,
                                                                              int32_t unk) {
      return std::make_unique<ByteLevelBpe>(vocabulary, merges, ByteLevelBpe::MissingBytes{unk, fuse_unk}, source);
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
    double dropout = 0;
    if (const auto value = JsonFile::member(*model, "dropout"))
      check(!value->get(dropout) && dropout == 0, "{}: \"model.dropout\" is not served: it draws ids at random",
            file.path);
    for (const char* key : {"byte_fallback", "ignore_merges"})
      check(!file.flag(*model, key, false), "{}: \"model.{}\" true is not served", file.path, key);
    check(!JsonFile::member(file.root, "normalizer"), "{}: a \"normalizer\" is not served", file.path);
    read_pre_tokenizer(file);
    const auto vocab = JsonFile::member(*model, "vocab"), merges = JsonFile::member(*model, "merges");
    check(vocab && merges, "{}: \"model\" lacks \"vocab\" or \"merges\"", file.path);
    parts_.vocab = read_vocab(file, *vocab);
    use_bpe(read_merges_json(file, *merges), file.flag(*model, "fuse_unk", false));
    if (const auto unk = JsonFile::member(*model, "unk_token")) parts_.byte_unk = file.text(*unk, "model.unk_token");
    read_added_list(file, parts_.added);
    parts_.specials = read_post_processor(file, [this](std::string_view token) { return id_of(token); });
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

  // Whether tokenizer.json alone says what is used; else it is written anew.
  bool reads_alike(const TokenizerParts& as_filed) const {
    const SpecialNames none;
    if (parts_.specials.value_or(none) != as_filed.specials.value_or(none)) return false;
    if (parts_.add_prefix_space != as_filed.add_prefix_space) return false;
    // Whether a token is `normalized` mostly differs between the files, and matters in rare cases alone.
    return std::equal(parts_.added.begin(), parts_.added.end(), as_filed.added.begin(), as_filed.added.end(),
                      [](AddedToken a, const AddedToken& b) {
                        a.normalized = b.normalized;
                        return a == b;
                      });
  }

  // The class of tokenizer_config.json, else of config.json, else the one of its model_type.
  void read_class() {
    if (!has("tokenizer_config.json")) return read_class_of_model();
    const JsonFile file(path("tokenizer_config.json"), parts_.files["tokenizer_config.json"]);
    const auto name = JsonFile::member(file.root, "tokenizer_class");
    if (!name) return read_class_of_model();
    class_name_ = file.text(*name, "tokenizer_class");
    class_ = class_of_name(class_name_);
  }
  void read_class_of_model() {
    if (!exists(path("config.json"))) return;
    const JsonFile file(path("config.json"), read_input_file(path("config.json")));
    std::string_view name, type;
    if (const auto value = JsonFile::member(file.root, "tokenizer_class"); value && !value->get(name))
      class_ = class_of_name(class_name_ = name);
    else if (const auto model = JsonFile::member(file.root, "model_type"); model && !model->get(type))
      class_ = type == "roberta" ? TokenizerClass::kRoberta : TokenizerClass::kUnnamed;
  }

  // Added tokens of the other files: they hold beside a tokenizer.json too.
  void read_added_beside() {
    if (has("added_tokens.json")) {
      const JsonFile file(path("added_tokens.json"), parts_.files["added_tokens.json"]);
      for (const auto& [token, id] : read_vocab(file, file.root)) {
        if (find_added(parts_.added, token)) continue;
        parts_.added.push_back({.id = id, .content = token});
        flagless_.insert(token);
      }
    }
    if (has("tokenizer_config.json")) {
      const JsonFile file(path("tokenizer_config.json"), parts_.files["tokenizer_config.json"]);
      read_added_decoder(file, parts_.added);
    }
    for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
      if (!has(name)) continue;
      const JsonFile file(path(name), parts_.files[name]);
      read_special_list(file, "additional_special_tokens", parts_.added);
      read_special_list(file, "extra_special_tokens", parts_.added);
    }
  }

  void read_roles(const char* name) {
    if (!has(name)) return;
    const JsonFile file(path(name), parts_.files[name]);
    for (const auto& [key, role] : roles()) {
      const auto value = JsonFile::member(file.root, key);
      if (!value) continue;
      const AddedToken token = read_added_token(file, *value, key);
      *role = token.content;
      named_in_[key] = name;
      // The flags of cls_token and sep_token are not read: mostly these are <s> and </s> again.
      if (value->is_object() && role != &cls_ && role != &sep_) flagged_.push_back(token);
    }
  }

  std::vector<std::pair<const char*, std::string*>> roles() {
    return {{"bos_token", &parts_.bos}, {"eos_token", &parts_.eos},   {"pad_token", &parts_.pad},
            {"unk_token", &parts_.unk}, {"mask_token", &parts_.mask}, {"cls_token", &cls_},
            {"sep_token", &sep_}};
  }

  void read_prefix_space() {
    if (class_ == TokenizerClass::kAsFile) return;
    const bool by_file = class_ == TokenizerClass::kUnnamed && parts_.add_prefix_space;
    parts_.add_prefix_space = by_file;
    if (!has("tokenizer_config.json")) return;
    const JsonFile file(path("tokenizer_config.json"), parts_.files["tokenizer_config.json"]);
    parts_.add_prefix_space = file.flag(file.root, "add_prefix_space", by_file);
  }

  // transformers gives a named token that the vocabulary lacks the next free id, for which the model has no row.
  void drop_unknown_roles() {
    for (const auto& [key, role] : roles()) {
      if (role->empty() || in_vocabulary(*role)) continue;
      parts_.notes.push_back(
          fmt::format("{}: {} \"{}\" is not in the vocabulary: there is none", path(named_in_[key]), key, *role));
      role->clear();
      // One of the two alone would make a frame that no program has used.
      if (role == &cls_ || role == &sep_) cls_.clear(), sep_.clear();
    }
    for (AddedToken& token : flagged_) {
      if (!in_vocabulary(token.content)) continue;
      token.special = true;
      merge_added(parts_.added, token);
    }
  }

  // In RoBERTa's form. A class that frames nothing itself leaves a text bare where no post-processor does.
  void put_cls_and_sep_around() {
    if (class_ == TokenizerClass::kGpt2 || class_ == TokenizerClass::kAsFile) {
      parts_.specials = SpecialNames();
      return;
    }
    const bool named = !cls_.empty() && !sep_.empty();
    if (named && (cls_ != sep_ || class_ == TokenizerClass::kRoberta))
      parts_.specials = SpecialNames::roberta(cls_, sep_);
    else if (in_vocabulary("<s>") && in_vocabulary("</s>"))
      parts_.specials = SpecialNames::roberta(cls_.empty() ? "<s>" : cls_, sep_.empty() ? "</s>" : sep_);
  }

  // Special tokens of which no flags are given: RoBERTa's <mask> takes the blank before it, that of other classes not.
  void add_named_specials() {
    const bool mask_strips = class_ == TokenizerClass::kRoberta || class_ == TokenizerClass::kUnnamed;
    std::vector<const std::string*> names = {&parts_.bos, &parts_.eos, &parts_.pad, &parts_.unk, &parts_.mask};
    const SpecialNames around = parts_.specials.value_or(SpecialNames());
    for (const auto* part :
         {&around.single.before, &around.single.after, &around.pair.before, &around.pair.between, &around.pair.after})
      for (const std::string& name : *part) names.push_back(&name);
    for (const std::string* name : names) {
      if (name->empty()) continue;
      if (AddedToken* known = find_added(parts_.added, *name)) {
        known->special = true;
        known->lstrip |= mask_strips && name == &parts_.mask && flagless_.contains(*name);
      } else {
        parts_.added.push_back({.content = *name, .special = true, .lstrip = mask_strips && name == &parts_.mask});
      }
    }
  }

  std::string dir_, cls_, sep_, class_name_;
  TokenizerClass class_ = TokenizerClass::kUnnamed;
  std::map<std::string, std::string> named_in_;  // role -> the file that names its token last
  std::set<std::string> flagless_;               // tokens of added_tokens.json alone
  std::vector<AddedToken> flagged_;              // roles given with flags
  TokenizerParts parts_;
};

}  // namespace

TokenizerParts read_tokenizer_folder(const std::string& dir) {
  return FolderReader(dir).read();
}

}  // namespace encore
