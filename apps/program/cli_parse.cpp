// From the words of the command line and the file of --config to values.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "apps/program/cli.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/path_text.h"
#include "kernels/base/read_json.h"

namespace encore {
namespace {

constexpr size_t kLargestConfig = size_t(16) << 20;

std::string json_text(const std::string& file, const std::string& key, const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  fail("{}: {} is {}, not a string, number, true/false or a list of strings", file, in_quotes(key), value.type_name());
}

std::string text_of(const std::string& path) {
  std::error_code ignored;
  check(!std::filesystem::is_directory(path, ignored), "--config: {} is a folder; name the file in it", path);
  std::ifstream in(path, std::ios::binary);
  check(bool(in), "--config: {} cannot be read", path);
  std::string text(kLargestConfig + 1, '\0');
  in.read(text.data(), std::streamsize(text.size()));
  check(!in.bad(), "--config: {} cannot be read", path);
  check(in.eof(), "--config: {} is no file of flags: it has more than 16 MiB", path);
  text.resize(size_t(in.gcount()));
  return text;
}

}  // namespace

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
  const nlohmann::json file = parse_json_object(text_of(path), "--config: " + path);
  if (file.contains("preset") && file["preset"].is_string()) apply_preset(file["preset"].get<std::string>());
  std::map<std::string, std::string> spelled;
  for (const auto& [key, value] : file.items()) {
    if (value.is_null() || key == "config" || key == "help" || key == "version" || key == "defaults" ||
        key == "program")
      continue;
    check(find(key) != nullptr, "{}: unknown flag {}{}", path, in_quotes(key), nearest(key));
    Option& o = option(key);
    const auto [first, fresh] = spelled.emplace(o.name, key);
    check(fresh, "{}: {} and {} are one flag; give one of them", path, in_quotes(first->second), in_quotes(key));
    const std::vector<std::string> values = values_of_json(o, value, path);
    check(o.kind == Option::Kind::kList || values.size() == 1, "{}: {} takes one value, not a list", path,
          in_quotes(key));
    if (o.kind == Option::Kind::kList && values.empty()) continue;
    assign(o, values, path + ": ");
  }
}

void Cli::apply_preset(const std::string& preset) {
  if (preset.empty()) return;
  const auto found = presets_.find(preset);
  check(found != presets_.end(), "--preset: {} is none of {}", in_quotes(preset), option("preset").value_name);
  for (const auto& [name, value] : found->second) assign(option(name), {value}, "preset: ");
}

// The value of a flag that has no "=": the next word, unless that is a flag of this program.
std::string Cli::next_value(const Option& o, const std::string& name, int argc, const char* const* argv, int& i) const {
  check(i + 1 < argc, "--{} needs a value ({})", name, o.value_name);
  const std::string word = argv[i + 1];
  check(!word.starts_with("--") || !find(word.substr(2, word.find('=') - 2)),
        "--{} needs a value ({}), and {} is a flag; --{}={} if it is meant as the value", name, o.value_name,
        in_quotes(word), name, one_line(word.substr(0, 80)));
  ++i;
  return word;
}

// Words without a flag belong to the list before them ("--train a b"), else to the positional argument.
Cli::Given Cli::read_words(int argc, const char* const* argv) const {
  Given given;
  std::map<std::string, std::string> spelled;  // a flag's own name, by which name it was given
  std::string open_list;
  for (int i = 1; i < argc; ++i) {
    const std::string word = std::string(argv[i]) == "-h" ? "--help" : argv[i];
    if (word.starts_with("--")) {
      const size_t equals = word.find('=');
      std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
      const Option& o = option(name);
      std::replace(name.begin(), name.end(), '_', '-');
      const std::string& first = spelled.emplace(o.name, name).first->second;
      check(first == name, "--{} and --{} are one flag; give one of them", first, name);
      open_list = o.kind == Option::Kind::kList ? o.name : "";
      const bool flag = o.kind == Option::Kind::kFlag;
      const bool all =
          o.name == "help" && equals == std::string::npos && i + 1 < argc && argv[i + 1] == std::string("all");
      given[o.name].push_back(equals != std::string::npos ? word.substr(equals + 1)
                              : all                       ? argv[++i]
                              : flag                      ? "true"
                                                          : next_value(o, name, argc, argv, i));
    } else if (word.size() > 1 && word[0] == '-') {
      fail("unknown flag {}{}", one_line(word.substr(0, 80)), nearest(word.substr(1)));
    } else {
      const std::string& list = open_list.empty() ? positional_ : open_list;
      check(!list.empty(), "{} is no flag; --help lists the flags", in_quotes(word));
      given[list].push_back(word);
    }
  }
  return given;
}

bool Cli::parse(int argc, const char* const* argv) {
  const Given given = read_words(argc, argv);
  if (given.contains("help")) {
    const std::string what = given.at("help").back();
    check(what == "true" || what == "all", "--help {}: only --help and --help all are known", in_quotes(what));
    print_help(what == "all");
    return false;
  }
  if (given.contains("version")) {
    print_version();
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

}  // namespace encore
