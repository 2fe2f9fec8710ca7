// The command line of every program: help, --config files, ranges and refusals.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "kernels/base/check.h"

namespace encore {

// --help (-h), --version, --config FILE (JSON: flag names without dashes; flags on the command line win), unknown flags
// and values out of range refused with exit code 2. In a flag's name "_" counts as "-".
class Cli {
  struct Option;

 public:
  enum class ConfigFile { kFlags, kOwn };  // kOwn: the program's --config is another flag, which it declares itself
  Cli(std::string program, std::string description, std::string usage_example, ConfigFile = ConfigFile::kFlags);

  // A flag that was just declared. Its attributes are added where it is declared.
  class Flag {
   public:
    Flag& path();                  // the value names files or folders: see repeatable() and inputs()
    Flag& written();               // the same, of what the program writes
    Flag& may_change_on_resume();  // a resumed run may give another value: see fixed_on_resume()
    Flag& often();                 // most runs need it: the short --help shows it
    // An older or another name, also in files of --config. A flag that is given by both names is refused.
    Flag& alias(const std::string& name);

   private:
    friend class Cli;
    explicit Flag(Option& option) : option_(option) {}
    Option& option_;
  };

  // Adds an example to the end of --help. `what`: a line that describes it.
  void example(const std::string& what, const std::string& command);

  // Declares a flag. `group` is a heading of --help; headings stand in the order of their first flag. `value` names the
  // argument ("FILE"). An empty default means that there is none; a help text may end in a [default] of its own.
  Flag text(const std::string& group, const std::string& name, const std::string& help, const std::string& value = "",
            const std::string& default_value = "");
  Flag number(const std::string& group, const std::string& name, const std::string& help, double default_value,
              double min, double max);
  Flag integer(const std::string& group, const std::string& name, const std::string& help, int64_t default_value,
               int64_t min, int64_t max);
  Flag flag(const std::string& group, const std::string& name, const std::string& help);
  Flag choice(const std::string& group, const std::string& name, const std::string& help,
              std::vector<std::string> choices, const std::string& default_value);
  Flag list(const std::string& group, const std::string& name, const std::string& help, const std::string& value);
  Flag positional(const std::string& name, const std::string& help);  // a list; at most one

  // Named sets of values; declares --preset. In rising order of precedence: defaults, the preset that a config file
  // names, the config file, the preset of the command line, the flags of the command line.
  Flag presets(std::map<std::string, std::map<std::string, std::string>> presets, const std::string& help,
               const std::string& group = "General");

  // Reads the command line. False: --help or --version was printed, and the program ends with 0. Throws Error for an
  // unknown flag, naming the nearest one or what Hugging Face's name for it is called here, and for a value out of
  // range.
  bool parse(int argc, const char* const* argv);

  const std::string& program() const { return program_; }
  bool declares(const std::string& name) const;
  bool given(const std::string& name) const;  // on the command line, in the config file or by the preset
  std::string get(const std::string& name) const;
  double get_number(const std::string& name) const;
  int64_t get_integer(const std::string& name) const;
  bool get_flag(const std::string& name) const;
  // The values of every flag that names paths which the program reads, by flag.
  std::map<std::string, std::vector<std::string>> inputs() const;
  std::vector<std::string> get_list(const std::string& name) const;  // "--x a b" and "--x a --x b"
  std::string required(const std::string& name) const;               // Error: "--model is needed: ..."
  void set(const std::string& name, const std::string& value);       // replaces the value, as when "auto" is resolved
  void set(const std::string& name, std::vector<std::string> values);

  // {flag: value in force} of every flag but --config, --help and --version.
  nlohmann::json resolved() const;
  // The same for config.json of a run folder. Paths are absolute, so that --config repeats the run from any working
  // folder. Two keys are no flags, and --config ignores them: "program", and "defaults" with {flag: default}, by which
  // report/ finds the flags that differ.
  nlohmann::json repeatable() const;
  std::map<std::string, std::string> other_names() const;  // {alias: flag}
  std::vector<std::string> fixed_on_resume() const;        // names of the flags without may_change_on_resume()

 private:
  struct Option {
    enum class Kind { kText, kNumber, kInteger, kFlag, kChoice, kList } kind;
    std::string group, name, help, value_name, default_value;
    double min = 0, max = 0;      // of a number
    int64_t least = 0, most = 0;  // of a whole number
    std::vector<std::string> choices, aliases;
    bool path = false, written = false, may_change_on_resume = false, often = false;
    std::vector<std::string> values;  // in force
    bool given = false;
  };
  using Given = std::map<std::string, std::vector<std::string>>;  // values of the command line, by flag
  const Option* find(const std::string& name) const;
  Option& option(const std::string& name);
  const Option& option(const std::string& name) const;
  Flag declare(Option);
  static nlohmann::json value_of(const Option&, const std::vector<std::string>& values);
  std::vector<std::string> values_of_json(const Option&, const nlohmann::json&, const std::string& file) const;
  Given read_words(int argc, const char* const* argv) const;
  std::string next_value(const Option&, const std::string& name, int argc, const char* const* argv, int& i) const;
  std::string nearest(const std::string& name) const;
  std::string named_elsewhere(std::string name) const;
  void assign(Option&, const std::vector<std::string>& values, const std::string& origin);
  void read_config(const std::string& path);
  void apply_preset(const std::string& preset);
  void print_version() const;
  void print_help(bool all) const;
  std::string help_text(bool all, size_t width) const;
  void print_option(std::ostream&, const Option&, bool all, size_t width) const;

  struct Example {
    std::string what, command;
  };
  std::string program_, description_, positional_;
  ConfigFile config_;
  std::vector<Example> examples_;
  std::deque<Option> options_;  // a Flag refers to one
  std::vector<std::string> group_order_;
  std::map<std::string, std::map<std::string, std::string>> presets_;
};

}  // namespace encore
