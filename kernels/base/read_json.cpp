#include "kernels/base/read_json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/input_file.h"

namespace encore {

using nlohmann::json;

namespace {

// Stands before the words NaN, Infinity and -Infinity where a string replaces them.
constexpr char kWordMark = '\x01';

constexpr std::string_view kWords[] = {"NaN", "Infinity", "-Infinity"};

double word_value(std::string_view word) {
  if (word == "NaN") return std::numeric_limits<double>::quiet_NaN();
  return word[0] == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

// The text with Python's words for non-finite numbers as strings; absent if there are none. Strings are left alone.
std::optional<std::string> without_words(std::string_view text) {
  std::string out;
  bool in_string = false, found = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') in_string = !in_string;
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      out += text.substr(i++, 2);
      continue;
    }
    const auto word = std::find_if(std::begin(kWords), std::end(kWords),
                                   [&](std::string_view w) { return text.substr(i).starts_with(w); });
    if (in_string || word == std::end(kWords)) {
      out += text[i];
      continue;
    }
    out += fmt::format("\"\\u0001{}\"", *word);
    i += word->size() - 1;
    found = true;
  }
  if (!found) return std::nullopt;
  return out;
}

// Builds the value event by event. nlohmann's own parser with a callback takes quadratic time for an object of many
// objects, and without one it keeps the last of two equal keys and bounds no depth.
class Builder final : public nlohmann::json_sax<json> {
 public:
  Builder(std::string_view text, const std::string& where, int max_depth, bool words)
      : text_(text), where_(where), max_depth_(size_t(max_depth)), words_(words) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool binary(binary_t&) override { return false; }
  bool string(string_t& value) override {
    if (words_ && value.starts_with(kWordMark)) return put(word_value(std::string_view(value).substr(1)));
    return put(std::move(value));
  }

  bool start_object(size_t) override { return open(json::object()); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    const auto [it, added] = open_.back()->get_ref<json::object_t&>().emplace(name, nullptr);
    check(added, "{}: the key {} comes twice", where_, in_quotes(name));
    slot_ = &it->second;
    key_ = std::move(name);
    return true;
  }

  bool parse_error(size_t position, const std::string&, const json::exception& error) override {
    position_ = std::min(position, text_.size());
    reason_ = error.what();
    for (const std::string_view end : {"] ", "column "})
      if (const size_t at = reason_.find(end); at != reason_.npos) reason_ = reason_.substr(at + end.size());
    if (const size_t colon = reason_.find(": "); colon != reason_.npos && colon < 8)
      reason_ = reason_.substr(colon + 2);
    return false;
  }

  json take() { return std::move(root_); }
  std::string complaint() const {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + std::ptrdiff_t(position_), '\n');
    const std::string quoted = in_quotes(reason_, 300);
    return fmt::format("{}: line {}{}: not valid JSON: {}", where_, line,
                       key_.empty() ? "" : fmt::format(", at the key {}", in_quotes(key_)),
                       quoted.substr(1, quoted.size() - 2));
  }

 private:
  // Where the next value belongs: the root, the slot of the last key, or the end of the innermost list.
  json& place() {
    if (open_.empty()) return root_;
    if (open_.back()->is_array()) return open_.back()->get_ref<json::array_t&>().emplace_back();
    return *slot_;
  }
  bool put(json value) {
    place() = std::move(value);
    return true;
  }
  bool open(json value) {
    check(open_.size() < max_depth_, "{}: JSON nested deeper than {} levels{}", where_, max_depth_,
          key_.empty() ? "" : fmt::format(", at the key {}", in_quotes(key_)));
    json& there = place();
    there = std::move(value);
    open_.push_back(&there);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const std::string& where_;
  size_t max_depth_;
  bool words_;
  json root_;
  std::vector<json*> open_;  // a list does not grow while one of its values is open, so these stay valid
  json* slot_ = nullptr;
  std::string key_, reason_;
  size_t position_ = 0;
};

}  // namespace

json parse_json_object(std::string_view text, const std::string& file, const char* what, int max_depth) {
  const std::string where = *what ? file + ": " + what : file;
  Builder plain(text, where, max_depth, /*words=*/false);
  json result;
  if (json::sax_parse(text.begin(), text.end(), &plain)) {
    result = plain.take();
  } else {
    const std::optional<std::string> replaced = without_words(text);
    if (!replaced) throw Error(plain.complaint());
    Builder again(*replaced, where, max_depth, /*words=*/true);
    if (!json::sax_parse(replaced->begin(), replaced->end(), &again)) throw Error(again.complaint());
    result = again.take();
  }
  check(result.is_object(), "{}: a JSON {} where an object is expected", where, result.type_name());
  return result;
}

json read_json_file(const std::string& path) {
  return parse_json_object(read_input_file(path), path);
}

std::string shown_json(const json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    const double number = value.get<double>();
    return std::isnan(number) ? "NaN" : number < 0 ? "-Infinity" : "Infinity";
  }
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 60) + "...";
  return text;
}

}  // namespace encore
