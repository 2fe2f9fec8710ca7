#include "apps/program/cli.h"

#include <algorithm>
#include <charconv>

#include "kernels/base/in_quotes.h"
#include "kernels/base/path_text.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

template <class T>
T parse_value(const std::string& name, const std::string& text, const char* kind) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  check(error != std::errc::result_out_of_range, "--{}: {} is beyond the numbers that can be computed with", name,
        in_quotes(text));
  check(error == std::errc() && end == text.data() + text.size(), "--{}: {} is not {}", name, in_quotes(text), kind);
  return value;
}

bool parse_bool(const std::string& name, const std::string& text) {
  if (text == "true" || text == "1" || text.empty()) return true;
  if (text == "false" || text == "0") return false;
  fail("--{}: {} is neither true nor false", name, in_quotes(text));
}

}  // namespace

Cli::Cli(std::string program, std::string description, std::string usage_example, ConfigFile config)
    : program_(std::move(program)),
      description_(std::move(description)),
      config_(config),
      examples_{{.what = "", .command = std::move(usage_example)}} {
  if (config == ConfigFile::kFlags)
    text("General", "config", "read flags from a JSON file, as a run folder's config.json; flags given here win",
         "FILE")
        .path()
        .may_change_on_resume();
  flag("General", "help", "print the flags that most runs need; --help all: every flag (also -h)")
      .may_change_on_resume();
  flag("General", "version", "print version, commit, build and processor").may_change_on_resume();
}

const Cli::Option* Cli::find(const std::string& name) const {
  std::string dashed = name;
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  const auto found = std::find_if(options_.begin(), options_.end(), [&](const Option& o) {
    return o.name == name || o.name == dashed ||
           std::find(o.aliases.begin(), o.aliases.end(), dashed) != o.aliases.end();
  });
  return found == options_.end() ? nullptr : &*found;
}
const Cli::Option& Cli::option(const std::string& name) const {
  const Option* found = find(name);
  if (!found) fail("unknown flag --{}{}", one_line(name.substr(0, 80)), nearest(name));
  return *found;
}
Cli::Option& Cli::option(const std::string& name) {
  return const_cast<Option&>(std::as_const(*this).option(name));
}

void Cli::assign(Option& o, const std::vector<std::string>& values, const std::string& origin) {
  for (const std::string& v : values) {
    if (o.kind == Option::Kind::kNumber) {
      const double x = parse_value<double>(o.name, v, "a number");
      check(x >= o.min && x <= o.max, "{}--{}: {} is not between {:g} and {:g}", origin, o.name, v.substr(0, 40), o.min,
            o.max);
    } else if (o.kind == Option::Kind::kInteger) {
      const int64_t x = parse_value<int64_t>(o.name, v, "a whole number");
      check(x >= o.least && x <= o.most, "{}--{}: {} is not between {} and {}", origin, o.name, v.substr(0, 40),
            o.least, o.most);
    } else if (o.kind == Option::Kind::kFlag) {
      parse_bool(o.name, v);
    } else if (o.kind == Option::Kind::kText && !o.path) {
      check(valid_utf8(v), "{}--{}: {} is not UTF-8", origin, o.name, in_quotes(v));
    } else if (o.kind == Option::Kind::kChoice && !(v.empty() && o.default_value.empty())) {
      check(std::find(o.choices.begin(), o.choices.end(), v) != o.choices.end(), "{}--{}: {} is none of {}", origin,
            o.name, in_quotes(v), o.value_name);
    }
  }
  o.values = values;
  o.given = true;
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
std::map<std::string, std::vector<std::string>> Cli::inputs() const {
  std::map<std::string, std::vector<std::string>> all;
  for (const Option& o : options_)
    if (o.path && !o.written && !o.values.empty()) all[o.name] = o.values;
  return all;
}
std::vector<std::string> Cli::get_list(const std::string& name) const {
  return option(name).values;
}
std::string Cli::required(const std::string& name) const {
  const Option& o = option(name);
  check(!o.values.empty() && !o.values.back().empty(), "--{} {} is needed: {}", name, o.value_name, o.help);
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
    if (o.name != "config" && o.name != "help" && o.name != "version") all[o.name] = value_of(o, o.values);
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

std::map<std::string, std::string> Cli::other_names() const {
  std::map<std::string, std::string> names;
  for (const Option& o : options_)
    for (const std::string& alias : o.aliases) names[alias] = o.name;
  return names;
}

std::vector<std::string> Cli::fixed_on_resume() const {
  std::vector<std::string> names;
  for (const Option& o : options_)
    if (!o.may_change_on_resume) names.push_back(o.name);
  return names;
}

}  // namespace encore
