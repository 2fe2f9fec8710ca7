// The command line of every program: one place for help, --config files, ranges and refusals.
#pragma once

#include <cstdint>
#include <cxxopts.hpp>
#include <functional>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/program_path.h"

namespace encore {

// Runs the body of a program: Error ends it with one line on standard error and the error's exit code, anything else
// with exit code 70. "dapt_train: --train: no such file: x.txt"
int run_program(const char* name, const std::function<int()>& body);

// A thin layer over cxxopts: --help, --config FILE (JSON: flag names without dashes; flags on the command line win),
// unknown flags and values out of range refused with exit code 2.
class Cli {
 public:
  enum class ConfigFile { kFlags, kOwn };  // kOwn: the program means something else by --config and declares it itself
  Cli(std::string program, std::string description, std::string usage_example, ConfigFile = ConfigFile::kFlags);

  // One more example at the end of --help. `what`: a line that says what it does.
  void example(const std::string& what, const std::string& command);

  // Declares a flag. `group` is a heading of --help, headings stand in the order of their first flag; `value` names the
  // argument ("FILE"); empty default = not given. A help text may end in its own [default] where that is no constant.
  void text(const std::string& group, const std::string& name, const std::string& help, const std::string& value = "",
            const std::string& default_value = "");
  void number(const std::string& group, const std::string& name, const std::string& help, double default_value,
              double min, double max);
  void integer(const std::string& group, const std::string& name, const std::string& help, int64_t default_value,
               int64_t min, int64_t max);
  void flag(const std::string& group, const std::string& name, const std::string& help);
  void choice(const std::string& group, const std::string& name, const std::string& help,
              std::vector<std::string> choices, const std::string& default_value);
  void list(const std::string& group, const std::string& name, const std::string& help, const std::string& value);
  void positional(const std::string& name, const std::string& help);  // a list; at most one

  // Named sets of values. What comes later wins: defaults, the preset that a config file names, the config file, the
  // preset of the command line, its flags. Declares --preset.
  void presets(std::map<std::string, std::map<std::string, std::string>> presets, const std::string& help,
               const std::string& group = "General");

  // False: --help was printed, end with 0.
  bool parse(int argc, char** argv);

  bool declares(const std::string& name) const;
  bool given(const std::string& name) const;  // on the command line, in the config file or by the preset
  std::string get(const std::string& name) const;
  double get_number(const std::string& name) const;
  int64_t get_integer(const std::string& name) const;
  bool get_flag(const std::string& name) const;
  std::vector<std::string> get_list(const std::string& name) const;  // "--x a b" and "--x a --x b"
  std::string required(const std::string& name) const;               // Error: "--model is needed: ..."
  void set(const std::string& name, const std::string& value);       // a value worked out later ("auto" resolved)
  void set(const std::string& name, std::vector<std::string> values);

  // Every flag with its value in force, for config.json of the run folder; reading it back by --config repeats the run.
  nlohmann::json resolved() const;

 private:
  struct Option {
    enum class Kind { kText, kNumber, kInteger, kFlag, kChoice, kList } kind;
    std::string group, name, help, value_name, default_value;
    double min = 0, max = 0;
    std::vector<std::string> choices;
    std::vector<std::string> values;  // in force
    bool given = false;
  };
  Option& option(const std::string& name);
  const Option& option(const std::string& name) const;
  void declare(Option);
  void assign(Option&, const std::vector<std::string>& values, const std::string& origin);
  void read_config(const std::string& path);
  void apply_preset(const std::string& preset);
  std::string help_text(size_t width) const;

  struct Example {
    std::string what, command;
  };
  std::string program_, description_, positional_;
  ConfigFile config_;
  std::vector<Example> examples_;
  std::vector<Option> options_;
  std::vector<std::string> group_order_;
  std::map<std::string, std::map<std::string, std::string>> presets_;
};

}  // namespace encore
