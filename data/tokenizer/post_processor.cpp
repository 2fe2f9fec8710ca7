#include "data/tokenizer/post_processor.h"

namespace encore {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

class PostProcessorReader {
 public:
  PostProcessorReader(const JsonFile& file, const std::function<int32_t(std::string_view)>& id_of)
      : file_(file), id_of_(id_of) {}

  std::optional<SpecialNames> read(element processor) const {
    const auto type = JsonFile::member(processor, "type");
    if (!type) return std::nullopt;
    const std::string name = file_.text(*type, "post_processor.type");
    if (name == "Sequence") return read_sequence(processor);
    SpecialNames specials;
    if (name == "RobertaProcessing" || name == "BertProcessing") {
      const std::string cls = read_token(processor, "cls"), sep = read_token(processor, "sep");
      specials = name == "BertProcessing" ? SpecialNames::bert(cls, sep) : SpecialNames::roberta(cls, sep);
    } else if (name == "TemplateProcessing") {
      specials = read_template(processor);
    }
    if (specials.empty()) return std::nullopt;
    return specials;
  }

 private:
  std::optional<SpecialNames> read_sequence(element processor) const {
    for (const element inner : list(processor, "processors"))
      if (const auto specials = read(inner)) return specials;
    return std::nullopt;
  }

  array list(element parent, const char* key) const {
    array entries;
    const auto value = JsonFile::member(parent, key);
    check(value && !value->get(entries), "{}: \"post_processor.{}\" is not a list", file_.path, key);
    return entries;
  }

  void check_id(const std::string& token, int32_t id) const {
    const int32_t known = id_of_(token);
    check(known >= 0, "{}: \"post_processor\": the vocabulary has no token \"{}\"", file_.path, token);
    check(known == id, "{}: \"post_processor\": token \"{}\" has id {}, the vocabulary says {}", file_.path, token, id,
          known);
  }

  // "cls": ["<s>", 0]
  std::string read_token(element processor, const char* key) const {
    const array pair = list(processor, key);
    check(pair.size() == 2, "{}: \"post_processor.{}\" is not a token and its id", file_.path, key);
    const std::string token = file_.text(pair.at(0).value(), key);
    check_id(token, file_.id(pair.at(1).value(), token));
    return token;
  }

  SpecialNames read_template(element processor) const {
    const auto single = read_pieces(processor, "single", {"A"});
    const auto pair = read_pieces(processor, "pair", {"A", "B"});
    return {.single = {.before = single[0], .after = single[1]},
            .pair = {.before = pair[0], .between = pair[1], .after = pair[2]}};
  }

  // The special tokens before, between and after the texts.
  std::vector<std::vector<std::string>> read_pieces(element processor, const char* key,
                                                    const std::vector<std::string>& texts) const {
    std::vector<std::vector<std::string>> around(1);
    for (const element piece : list(processor, key)) {
      if (const auto text = JsonFile::member(piece, "Sequence")) {
        const auto id = JsonFile::member(*text, "id");
        check(id && around.size() <= texts.size() && file_.text(*id, "id") == texts[around.size() - 1],
              "{}: \"post_processor.{}\" does not hold its texts once and in order: not served", file_.path, key);
        around.emplace_back();
      } else {
        const auto special = JsonFile::member(piece, "SpecialToken");
        const auto id = special ? JsonFile::member(*special, "id") : std::nullopt;
        check(id.has_value(), "{}: \"post_processor.{}\" holds a piece that is neither a text nor a special token",
              file_.path, key);
        read_special(processor, file_.text(*id, "id"), around.back());
      }
    }
    check(around.size() == texts.size() + 1, "{}: \"post_processor.{}\" lacks a text", file_.path, key);
    return around;
  }

  // A special token of a template may stand for several tokens of the vocabulary.
  void read_special(element processor, const std::string& name, std::vector<std::string>& tokens) const {
    const auto known = JsonFile::member(processor, "special_tokens");
    const auto special = known ? JsonFile::member(*known, name) : std::nullopt;
    check(special.has_value(), "{}: \"post_processor.special_tokens\" lacks \"{}\"", file_.path, name);
    const array names = list(*special, "tokens"), ids = list(*special, "ids");
    check(names.size() == ids.size(), "{}: \"post_processor.special_tokens\": \"{}\" has {} tokens and {} ids",
          file_.path, name, names.size(), ids.size());
    for (size_t i = 0; i < names.size(); ++i) {
      tokens.push_back(file_.text(names.at(i).value(), name));
      check_id(tokens.back(), file_.id(ids.at(i).value(), tokens.back()));
    }
  }

  const JsonFile& file_;
  const std::function<int32_t(std::string_view)>& id_of_;
};

}  // namespace

std::optional<SpecialNames> read_post_processor(const JsonFile& file,
                                                const std::function<int32_t(std::string_view)>& id_of) {
  const auto processor = JsonFile::member(file.root, "post_processor");
  if (!processor) return std::nullopt;
  return PostProcessorReader(file, id_of).read(*processor);
}

}  // namespace encore
