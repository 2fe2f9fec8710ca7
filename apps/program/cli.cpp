#include "apps/program/cli.h"

#include <stdio_ext.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "apps/program/thread_waiting.h"

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

// A terminal's own width where that can be read well, else a fixed one: docs/cli.md must not depend on who makes it.
size_t help_width() {
  struct winsize size {};
  if (!::isatty(STDOUT_FILENO) || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
  return std::clamp<size_t>(size.ws_col, 60, 110);
}

}  // namespace

int run_program(const char* name, const std::function<int()>& body) {
  wait_politely();
  // A file-size limit is told like a full disk: the write fails, and with it the program (74).
  ::signal(SIGXFSZ, SIG_IGN);
  // Room for what a program says before it knows that it will not refuse: a refusal leaves standard output empty.
  if (!::isatty(STDOUT_FILENO)) std::setvbuf(stdout, nullptr, _IOFBF, size_t(1) << 18);
  const auto say = [&](std::string message, bool refused = false) {
    std::replace(message.begin(), message.end(), '\n', ' ');
    if (refused) ::__fpurge(stdout);
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", name, message.c_str());
  };
  try {
    return body();
  } catch (const Error& e) {
    say(e.what(), e.exit_code() == 2);
    return e.exit_code();
  } catch (const std::bad_alloc&) {
    say("out of memory");
    return 70;
  } catch (const std::exception& e) {
    say(e.what());
    return 70;
  }
}

Cli::Cli(std::string program, std::string description, std::string usage_example, ConfigFile config)
    : program_(std::move(program)),
      description_(std::move(description)),
      config_(config),
      examples_{{.what = "", .command = std::move(usage_example)}} {
  if (config == ConfigFile::kFlags)
    text("General", "config",
         "read flags from a JSON file, {\"seed\": 7, ...}, as a run folder's config.json; flags given here win",
         "FILE");
  flag("General", "help", "print this help");
}

Cli::Option& Cli::option(const std::string& name) {
  for (Option& o : options_)
    if (o.name == name) return o;
  fail("unknown flag --{}; --help lists the flags", name);
}
const Cli::Option& Cli::option(const std::string& name) const {
  return const_cast<Cli*>(this)->option(name);
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
      if (double(x) < o.min || double(x) > o.max) outside(v);
    } else if (o.kind == Option::Kind::kFlag) {
      parse_bool(o.name, v);
    } else if (o.kind == Option::Kind::kChoice && !(v.empty() && o.default_value.empty())) {
      check(std::find(o.choices.begin(), o.choices.end(), v) != o.choices.end(), "{}--{}: '{}' is none of {}", origin,
            o.name, v, o.value_name);
    }
  }
  o.values = values;
  o.given = true;
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
    if (value.is_null() || key == "config" || key == "help") continue;
    std::vector<std::string> values;
    if (value.is_array())
      for (const auto& v : value) values.push_back(json_text(path, key, v));
    else
      values.push_back(json_text(path, key, value));
    Option& o = option(key);
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

bool Cli::parse(int argc, char** argv) {
  cxxopts::Options parser(program_);
  for (const Option& o : options_) {
    if (o.kind == Option::Kind::kFlag)
      parser.add_options(o.group)(o.name, o.help, cxxopts::value<std::string>()->implicit_value("true"));
    else
      parser.add_options(o.group)(o.name, o.help, cxxopts::value<std::vector<std::string>>());
  }
  // Words without a flag belong to the list before them ("--train a b"), else to the positional argument.
  std::vector<std::string> words{argv[0]};
  std::string open_list;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) == 0) {
      const std::string name = word.substr(2, word.find('=') == std::string::npos ? word.npos : word.find('=') - 2);
      const Option& o = option(name);
      open_list = o.kind == Option::Kind::kList ? name : "";
      if (o.kind == Option::Kind::kFlag || word.find('=') != std::string::npos) {
        words.push_back(word);
      } else {
        check(i + 1 < argc, "--{} needs a value ({})", name, o.value_name);
        words.push_back(word + "=" + argv[++i]);
      }
    } else if (word.size() > 1 && word[0] == '-') {
      fail("unknown flag {}; --help lists the flags", word);
    } else if (!open_list.empty() || !positional_.empty()) {
      words.push_back("--" + (open_list.empty() ? positional_ : open_list) + "=" + word);
    } else {
      fail("'{}' is no flag; --help lists the flags", word);
    }
  }
  std::vector<char*> pointers;
  for (std::string& w : words) pointers.push_back(w.data());
  cxxopts::ParseResult result = [&] {
    int count = int(pointers.size());
    char** data = pointers.data();
    try {
      return parser.parse(count, data);
    } catch (const std::exception& e) {
      fail("{}; --help lists the flags", e.what());
    }
  }();
  if (result.count("help")) {
    std::cout << help_text(help_width()) << std::flush;
    return false;
  }
  const auto values_of = [&](const Option& o) {
    std::vector<std::string> values;
    for (const auto& pair : result.arguments())
      if (pair.key() == o.name) values.push_back(pair.value());
    return values;
  };
  const auto preset = presets_.empty() ? std::vector<std::string>() : values_of(option("preset"));
  if (config_ == ConfigFile::kFlags && result.count("config")) read_config(values_of(option("config")).back());
  if (!preset.empty()) apply_preset(preset.back());
  for (Option& o : options_) {
    std::vector<std::string> values = values_of(o);
    if (values.empty()) continue;
    if (o.kind != Option::Kind::kList) values = {values.back()};
    assign(o, values, "");
  }
  return true;
}

bool Cli::declares(const std::string& name) const {
  return std::any_of(options_.begin(), options_.end(), [&](const Option& o) { return o.name == name; });
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

nlohmann::json Cli::resolved() const {
  nlohmann::json all = nlohmann::json::object();
  for (const Option& o : options_) {
    if (o.name == "config" || o.name == "help") continue;
    switch (o.kind) {
      case Option::Kind::kNumber: all[o.name] = get_number(o.name); break;
      case Option::Kind::kInteger: all[o.name] = get_integer(o.name); break;
      case Option::Kind::kFlag: all[o.name] = get_flag(o.name); break;
      case Option::Kind::kList: all[o.name] = o.values; break;
      default: all[o.name] = get(o.name);
    }
  }
  return all;
}

}  // namespace encore
