// The declaration of flags by kind, of examples and of presets.
#include <algorithm>

#include "apps/program/cli.h"

namespace encore {

void Cli::example(const std::string& what, const std::string& command) {
  examples_.push_back({.what = what, .command = command});
}

Cli::Flag& Cli::Flag::path() {
  option_.path = true;
  return *this;
}
Cli::Flag& Cli::Flag::written() {
  option_.written = true;
  return path();
}
Cli::Flag& Cli::Flag::may_change_on_resume() {
  option_.may_change_on_resume = true;
  return *this;
}
Cli::Flag& Cli::Flag::often() {
  option_.often = true;
  return *this;
}
Cli::Flag& Cli::Flag::alias(const std::string& name) {
  option_.aliases.push_back(name);
  return *this;
}

Cli::Flag Cli::declare(Option o) {
  if (std::find(group_order_.begin(), group_order_.end(), o.group) == group_order_.end())
    group_order_.push_back(o.group);
  return Flag(options_.emplace_back(std::move(o)));
}

Cli::Flag Cli::text(const std::string& group, const std::string& name, const std::string& help,
                    const std::string& value, const std::string& default_value) {
  return declare({.kind = Option::Kind::kText,
                  .group = group,
                  .name = name,
                  .help = help,
                  .value_name = value.empty() ? "TEXT" : value,
                  .default_value = default_value});
}
Cli::Flag Cli::number(const std::string& group, const std::string& name, const std::string& help, double default_value,
                      double min, double max) {
  return declare({.kind = Option::Kind::kNumber,
                  .group = group,
                  .name = name,
                  .help = help,
                  .value_name = "X",
                  .default_value = fmt::format("{:g}", default_value),
                  .min = min,
                  .max = max});
}
Cli::Flag Cli::integer(const std::string& group, const std::string& name, const std::string& help,
                       int64_t default_value, int64_t min, int64_t max) {
  return declare({.kind = Option::Kind::kInteger,
                  .group = group,
                  .name = name,
                  .help = help,
                  .value_name = "N",
                  .default_value = std::to_string(default_value),
                  .least = min,
                  .most = max});
}
Cli::Flag Cli::flag(const std::string& group, const std::string& name, const std::string& help) {
  return declare({.kind = Option::Kind::kFlag, .group = group, .name = name, .help = help, .default_value = "false"});
}
Cli::Flag Cli::choice(const std::string& group, const std::string& name, const std::string& help,
                      std::vector<std::string> choices, const std::string& default_value) {
  std::string joined;
  for (const std::string& c : choices) joined += (joined.empty() ? "" : "|") + c;
  return declare({.kind = Option::Kind::kChoice,
                  .group = group,
                  .name = name,
                  .help = help,
                  .value_name = joined,
                  .default_value = default_value,
                  .choices = std::move(choices)});
}
Cli::Flag Cli::list(const std::string& group, const std::string& name, const std::string& help,
                    const std::string& value) {
  return declare(
      {.kind = Option::Kind::kList, .group = group, .name = name, .help = help, .value_name = value + "..."});
}
Cli::Flag Cli::positional(const std::string& name, const std::string& help) {
  positional_ = name;
  return list("Input", name, help, name);
}
Cli::Flag Cli::presets(std::map<std::string, std::map<std::string, std::string>> presets, const std::string& help,
                       const std::string& group) {
  presets_ = std::move(presets);
  std::vector<std::string> names;
  for (const auto& [name, values] : presets_) names.push_back(name);
  return choice(group, "preset", help, names, "");
}

}  // namespace encore
