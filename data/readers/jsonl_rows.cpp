#include "data/readers/jsonl_rows.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cctype>

#include "kernels/base/check.h"
#include "kernels/base/json_text.h"

namespace encore {
namespace {

namespace od = simdjson::ondemand;

// A fault of a row, caught where the line number is known.
struct Malformed {
  std::string why;
};

template <class T>
T take(simdjson::simdjson_result<T> result) {
  T value;
  if (const auto error = std::move(result).get(value)) throw Malformed{simdjson::error_message(error)};
  return value;
}

// What to do about a file that is JSON in another layout, as json.dump writes it; "": the line looks like none.
std::string other_layout(std::string_view line) {
  if (line.starts_with('['))
    return "a list of rows, where a line must hold one: rewrite it with \"jq -c '.[]' FILE > NEW\"";
  if (line == "{") return "an object over several lines: rewrite it with \"jq -c . FILE > NEW\"";
  if (line.starts_with('{') && line.ends_with("},")) return "a comma after the object: remove it";
  return "";
}

// A number by RFC 8259. It may be longer than any machine type, so only its form is checked.
bool is_number(std::string_view s) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t from = i;
    while (i < s.size() && std::isdigit(static_cast<unsigned char>(s[i]))) ++i;
    return i > from;
  };
  if (i < s.size() && s[i] == '-') ++i;
  if (i < s.size() && s[i] == '0')
    ++i;
  else if (!digits())
    return false;
  if (i < s.size() && s[i] == '.' && (++i, !digits())) return false;
  if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
    ++i;
    if (i < s.size() && (s[i] == '+' || s[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == s.size();
}

std::string_view trimmed(std::string_view s) {
  const size_t end = s.find_last_not_of(" \t\r\n");
  return end == std::string_view::npos ? std::string_view() : s.substr(0, end + 1);
}

// As deep as Python's json module reads by default, about. The parser itself has no bound, and each level takes stack.
constexpr int kMaxDepth = 1000;

template <class Value>
Field read_value(Value& value, int depth);

// Reads the elements of an array or the members of an object.
template <class Value>
void read_nested(Value& value, bool array, int depth) {
  if (depth >= kMaxDepth) throw Malformed{fmt::format("nested more than {} levels deep", kMaxDepth)};
  if (array) {
    for (auto element : take<od::array>(value.get_array())) {
      od::value inner = take<od::value>(std::move(element));
      read_value(inner, depth + 1);
    }
    return;
  }
  for (auto member : take<od::object>(value.get_object())) {
    od::field field = take<od::field>(std::move(member));
    take<std::string_view>(field.unescaped_key());
    read_value(field.value(), depth + 1);
  }
}

// Reads the whole value. simdjson checks only what is read, and a damaged row must not pass because the damage is in a
// field that is not wanted. The text of a value inside of another is not kept.
template <class Value>
Field read_value(Value& value, int depth) {
  const std::string_view raw = trimmed(value.raw_json_token());
  switch (take<od::json_type>(value.type())) {
    case od::json_type::string: {
      const std::string_view text = take<std::string_view>(value.get_string());
      return depth > 0 ? Field() : Field{Field::kString, std::string(text)};
    }
    case od::json_type::boolean: return {Field::kBool, take<bool>(value.get_bool()) ? "true" : "false"};
    case od::json_type::number:
      if (!is_number(raw)) throw Malformed{fmt::format("'{}' is no number", raw)};
      return {Field::kNumber, std::string(raw)};
    case od::json_type::null:
      if (raw != "null") throw Malformed{fmt::format("'{}' is no value", raw)};
      return {Field::kNull, "null"};
    case od::json_type::array: read_nested(value, true, depth); return {Field::kNested, "[...]"};
    case od::json_type::object: break;
  }
  read_nested(value, false, depth);
  return {Field::kNested, "{...}"};
}

}  // namespace

struct JsonlRows::Parser {
  od::parser parser;
  std::vector<std::string> keys;
};

JsonlRows::JsonlRows(const std::string& path, const RowOptions& options)
    : lines_(path), wanted_(options.fields), parser_(std::make_unique<Parser>()) {}
JsonlRows::~JsonlRows() = default;

std::string JsonlRows::keys() const {
  return fmt::format("{}", fmt::join(parser_->keys, ", "));
}

void JsonlRows::parse(std::vector<Field>& row) {
  od::document document = take<od::document>(
      parser_->parser.iterate(simdjson::padded_string_view(text_.data(), text_.size(), text_.capacity())));
  if (take<od::json_type>(document.type()) != od::json_type::object)
    throw Malformed{"a row must be an object {\"key\": value, ...}"};
  for (auto member : take<od::object>(document.get_object())) {
    od::field field = take<od::field>(std::move(member));
    const std::string key(take<std::string_view>(field.unescaped_key()));
    const char* const begin = field.value().raw_json_token().data();
    Field value = read_value(field.value(), 0);
    parser_->keys.push_back(key);
    const auto wanted = std::find(wanted_.begin(), wanted_.end(), key);
    if (wanted == wanted_.end()) continue;
    // A number and null are read as tokens, which does not move the parser on. Behind anything else it stands at the
    // comma, or at the brace that ends the row.
    const char* end = nullptr;
    if (value.kind == Field::kNumber || value.kind == Field::kNull)
      value.json = value.text;
    else if (!document.current_location().get(end))
      value.json = trimmed(std::string_view(begin, size_t(end - begin)));
    for (size_t i = 0; i < wanted_.size(); ++i)
      if (wanted_[i] == key) row[i] = value;
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    throw Malformed{"text after the end of the object"};
}

bool JsonlRows::next(std::vector<Field>& row) {
  do {
    if (!lines_.next(text_)) return false;
    // Where files were joined, byte order marks stand at the start of lines.
    if (text_.starts_with("\xef\xbb\xbf")) text_.erase(0, 3);
  } while (trimmed(text_).empty());
  // simdjson may read past the end of the text, so it needs padding.
  text_.append(simdjson::SIMDJSON_PADDING, '\0');
  text_.resize(text_.size() - simdjson::SIMDJSON_PADDING);
  row.assign(wanted_.size(), Field());
  parser_->keys.clear();
  try {
    parse(row);
  } catch (const Malformed& error) {
    std::string fault = python_json_fault(text_);
    if (fault.empty()) fault = other_layout(trimmed(text_));
    fail("{}: line {}: not a JSON object: {}", lines_.path(), lines_.line(), fault.empty() ? error.why : fault);
  }
  return true;
}

}  // namespace encore
