#include "apps/program/cli.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iostream>
#include <numeric>

#include "kernels/base/path_text.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

template <class T>
T parse_value(const std::string& name, const std::string& text, const char* kind) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  check(error == std::errc() && end == text.data() + text.size(), "--{}: '{}' is not {}", name, text, kind);
  return value;
}

bool parse_bool(const std::string& name, const std::string& text) {
  if (text == "true" || text == "1" || text.empty()) return true;
  if (text == "false" || text == "0") return false;
  fail("--{}: '{}' is neither true nor false", name, text);
}

std::string json_text(const std::string& file, const std::string& key, const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  fail("{}: \"{}\" is {}, not a string, number, true/false or a list of strings", file, key, value.type_name());
}

// The width of the terminal within limits. Elsewhere it is fixed, so that docs/cli.md is the same on every machine.
size_t help_width() {
  struct winsize size {};
  if (!::isatty(STDOUT_FILENO) || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
  return std::clamp<size_t>(size.ws_col, 60, 110);
}

// The Levenshtein distance: letters to insert, delete or replace.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

Cli::Cli(std::string program, std::string description, std::string usage_example, ConfigFile config)
    : program_(std::move(program)),
      description_(std::move(description)),
      config_(config),
      examples_{{.what = "", .command = std::move(usage_example)}} {
  if (config == ConfigFile::kFlags)
    text("General", "config",
         "read flags from a JSON file, {\"seed\": 7, ...}, as a run folder's config.json; flags given here win", "FILE")
        .path()
        .may_change_on_resume();
  flag("General", "help", "print this help").may_change_on_resume();
}

const Cli::Option* Cli::find(const std::string& name) const {
  const auto found = std::find_if(options_.begin(), options_.end(), [&](const Option& o) { return o.name == name; });
  return found == options_.end() ? nullptr : &*found;
}
const Cli::Option& Cli::option(const std::string& name) const {
  const Option* found = find(name);
  if (!found) fail("unknown flag --{}{}", name, nearest(name));
  return *found;
}
Cli::Option& Cli::option(const std::string& name) {
  return const_cast<Option&>(std::as_const(*this).option(name));
}

// The end of an error about an unknown flag: ": did you mean --lr?", or without a similar flag how to list them.
std::string Cli::nearest(const std::string& name) const {
  const size_t mistakes = name.size() <= 3 ? 1 : name.size() <= 8 ? 2 : 3;
  const Option* best = nullptr;
  size_t least = mistakes + 1;
  for (const Option& o : options_) {
    const size_t distance = edit_distance(name, o.name);
    // The beginning of a longer name counts as one mistake.
    const size_t counted = name.size() >= 3 && o.name.starts_with(name) ? std::min<size_t>(distance, 1) : distance;
    if (counted < least) best = &o, least = counted;
  }
  return best ? fmt::format(": did you mean --{}?", best->name) : "; --help lists the flags";
}

void Cli::assign(Option& o, const std::vector<std::string>& values, const std::string& origin) {
  const auto outside = [&](const std::string& v) {
    const auto bound = [&](double x) {
      return o.kind == Option::Kind::kInteger ? fmt::format("{:.0f}", x) : fmt::format("{:g}", x);
    };
    fail("{}--{}: {} is not between {} and {}", origin, o.name, v, bound(o.min), bound(o.max));
  };
  for (const std::string& v : values) {
    if (o.kind == Option::Kind::kNumber) {
      const double x = parse_value<double>(o.name, v, "a number");
      if (!(x >= o.min && x <= o.max)) outside(v);
    } else if (o.kind == Option::Kind::kInteger) {
      const int64_t x = parse_value<int64_t>(o.name, v, "a whole number");
      if (x < int64_t(o.min) || x > int64_t(o.max)) outside(v);  // as a double 2^53 + 1 would be 2^53
    } else if (o.kind == Option::Kind::kFlag) {
      parse_bool(o.name, v);
    } else if (o.kind == Option::Kind::kText && !o.path) {
      check(valid_utf8(v), "{}--{}: is not UTF-8", origin, o.name);
    } else if (o.kind == Option::Kind::kChoice && !(v.empty() && o.default_value.empty())) {
      check(std::find(o.choices.begin(), o.choices.end(), v) != o.choices.end(), "{}--{}: '{}' is none of {}", origin,
            o.name, v, o.value_name);
    }
  }
  o.values = values;
  o.given = true;
}

std::vector<std::string> Cli::values_of_json(const Option& o, const nlohmann::json& value,
                                             const std::string& file) const {
  std::vector<std::string> values;
  for (const nlohmann::json& v : value.is_array() ? value : nlohmann::json::array({value})) {
    const std::string text = json_text(file, o.name, v);
    values.push_back(o.path ? path_of_text(text) : text);
  }
  return values;
}

void Cli::read_config(const std::string& path) {
  std::ifstream in(path);
  check(bool(in), "--config: {} cannot be read", path);
  nlohmann::json file;
  try {
    file = nlohmann::json::parse(in);
  } catch (const nlohmann::json::parse_error& e) {
    fail("--config: {} is not JSON (byte {})", path, e.byte);
  }
  check(file.is_object(), "--config: {} is not a JSON object of flags", path);
  if (file.contains("preset") && file["preset"].is_string()) apply_preset(file["preset"].get<std::string>());
  for (const auto& [key, value] : file.items()) {
    if (value.is_null() || key == "config" || key == "help" || key == "defaults" || key == "program") continue;
    check(find(key) != nullptr, "{}: unknown flag \"{}\"{}", path, key, nearest(key));
    Option& o = option(key);
    const std::vector<std::string> values = values_of_json(o, value, path);
    check(o.kind == Option::Kind::kList || values.size() == 1, "{}: \"{}\" takes one value, not a list", path, key);
    if (o.kind == Option::Kind::kList && values.empty()) continue;
    assign(o, values, path + ": ");
  }
}

void Cli::apply_preset(const std::string& preset) {
  if (preset.empty()) return;
  const auto found = presets_.find(preset);
  check(found != presets_.end(), "--preset: '{}' is none of {}", preset, option("preset").value_name);
  for (const auto& [name, value] : found->second) assign(option(name), {value}, "preset: ");
}

// Words without a flag belong to the list before them ("--train a b"), else to the positional argument.
Cli::Given Cli::read_words(int argc, const char* const* argv) const {
  Given given;
  std::string open_list;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) == 0) {
      const size_t equals = word.find('=');
      const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
      const Option& o = option(name);
      open_list = o.kind == Option::Kind::kList ? name : "";
      const bool flag = o.kind == Option::Kind::kFlag;
      check(flag || equals != std::string::npos || i + 1 < argc, "--{} needs a value ({})", name, o.value_name);
      given[name].push_back(equals != std::string::npos ? word.substr(equals + 1) : flag ? "true" : argv[++i]);
    } else if (word.size() > 1 && word[0] == '-') {
      fail("unknown flag {}{}", word, nearest(word.substr(1)));
    } else {
      const std::string& list = open_list.empty() ? positional_ : open_list;
      check(!list.empty(), "'{}' is no flag; --help lists the flags", word);
      given[list].push_back(word);
    }
  }
  return given;
}

bool Cli::parse(int argc, const char* const* argv) {
  const Given given = read_words(argc, argv);
  if (given.contains("help")) {
    std::cout << help_text(help_width()) << std::flush;
    return false;
  }
  if (config_ == ConfigFile::kFlags && given.contains("config")) read_config(given.at("config").back());
  if (!presets_.empty() && given.contains("preset")) apply_preset(given.at("preset").back());
  for (const auto& [name, values] : given) {
    Option& o = option(name);
    assign(o, o.kind == Option::Kind::kList ? values : std::vector<std::string>{values.back()}, "");
  }
  return true;
}

bool Cli::declares(const std::string& name) const {
  return find(name) != nullptr;
}
bool Cli::given(const std::string& name) const {
  return option(name).given;
}
std::string Cli::get(const std::string& name) const {
  const Option& o = option(name);
  return o.values.empty() ? o.default_value : o.values.back();
}
double Cli::get_number(const std::string& name) const {
  return parse_value<double>(name, get(name), "a number");
}
int64_t Cli::get_integer(const std::string& name) const {
  return parse_value<int64_t>(name, get(name), "a whole number");
}
bool Cli::get_flag(const std::string& name) const {
  return parse_bool(name, get(name));
}
std::map<std::string, std::vector<std::string>> Cli::paths() const {
  std::map<std::string, std::vector<std::string>> all;
  for (const Option& o : options_)
    if (o.path && !o.values.empty()) all[o.name] = o.values;
  return all;
}
std::vector<std::string> Cli::get_list(const std::string& name) const {
  return option(name).values;
}
std::string Cli::required(const std::string& name) const {
  const Option& o = option(name);
  check(o.given && !o.values.empty() && !o.values.back().empty(), "--{} {} is needed: {}", name, o.value_name, o.help);
  return o.values.back();
}
void Cli::set(const std::string& name, const std::string& value) {
  option(name).values = {value};
}
void Cli::set(const std::string& name, std::vector<std::string> values) {
  option(name).values = std::move(values);
}

nlohmann::json Cli::value_of(const Option& o, const std::vector<std::string>& values) {
  if (o.kind == Option::Kind::kList) return values;
  const std::string& text = values.empty() ? o.default_value : values.back();
  switch (o.kind) {
    case Option::Kind::kNumber: return parse_value<double>(o.name, text, "a number");
    case Option::Kind::kInteger: return parse_value<int64_t>(o.name, text, "a whole number");
    case Option::Kind::kFlag: return parse_bool(o.name, text);
    default: return text;
  }
}

nlohmann::json Cli::resolved() const {
  nlohmann::json all = nlohmann::json::object();
  for (const Option& o : options_)
    if (o.name != "config" && o.name != "help") all[o.name] = value_of(o, o.values);
  return all;
}

nlohmann::json Cli::repeatable() const {
  nlohmann::json all = resolved(), defaults = nlohmann::json::object();
  for (const Option& o : options_) {
    if (!all.contains(o.name)) continue;
    defaults[o.name] = value_of(o, {});
    std::vector<std::string> values = o.values;
    std::transform(values.begin(), values.end(), values.begin(), absolute_path_text);
    if (o.path) all[o.name] = value_of(o, values);
  }
  all["defaults"] = defaults;
  all["program"] = program_;
  return all;
}

std::vector<std::string> Cli::fixed_on_resume() const {
  std::vector<std::string> names;
  for (const Option& o : options_)
    if (!o.may_change_on_resume) names.push_back(o.name);
  return names;
}

}  // namespace encore
