// The texts of --help and --version. scripts/make_cli_docs.sh makes docs/cli.md from --help all.
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "apps/program/cli.h"
#include "kernels/backend_factory.h"
#include "kernels/base/version.h"

namespace encore {
namespace {

// Wraps `text` at `width`. The first line continues at `column`; the others begin at column `indent`.
void wrap(std::ostream& out, const std::string& text, size_t indent, size_t width, size_t column) {
  std::istringstream words(text);
  std::string word;
  bool first = true;
  while (words >> word) {
    if (!first && column + 1 + word.size() > width) {
      out << "\n" << std::string(indent, ' ');
      column = indent;
      first = true;
    }
    out << (first ? "" : " ") << word;
    column += (first ? 0 : 1) + word.size();
    first = false;
  }
  out << "\n";
}

}  // namespace

void Cli::print_version() const {
  fmt::print("{} (Encore) {}\ncommit {}\n{} build\n{}\n", program_, version(), commit(), build_kind(),
             make_backend("cpu")->description());
}

void Cli::print_help(bool all) const {
  // Where there is no terminal the width is fixed, so that docs/cli.md is the same on every machine.
  struct winsize size {};
  const bool terminal = ::isatty(STDOUT_FILENO) && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  fmt::print("{}", help_text(all, terminal ? std::clamp<size_t>(size.ws_col, 60, 110) : 100));
}

// The short help holds the flags that are marked often(), a line each, and all flags of a program that has few. It
// leaves out a default of 0, which mostly stands for a rule that only the long help tells.
std::string Cli::help_text(bool all, size_t width) const {
  constexpr size_t kFew = 12;
  std::ostringstream out;
  const size_t sentence = all ? std::string::npos : description_.find(". ");
  wrap(out, program_ + ": " + description_.substr(0, sentence == std::string::npos ? sentence : sentence + 1), 2, width,
       0);
  if (all) {
    out << "\n";
    wrap(out, "[in brackets]: the default. A flag is followed by its value or by =value.", 2, width, 0);
  }
  std::vector<std::string> groups(group_order_.begin() + 1, group_order_.end());
  groups.push_back(group_order_.front());
  for (const std::string& group : groups) {
    bool headed = false;
    for (const Option& o : options_) {
      if (o.group != group || !(all || o.often || options_.size() <= kFew)) continue;
      if (!std::exchange(headed, true)) out << (all ? "\n" : "") << group << "\n";
      print_option(out, o, all, width);
    }
  }
  if (!all) {
    out << "Example: " << examples_.front().command << "\nEvery flag: " << program_ << " --help all\n";
    return out.str();
  }
  out << (examples_.size() > 1 ? "\nExamples\n" : "\nExample\n");
  for (const Example& e : examples_) {
    if (!e.what.empty()) out << "  # " << e.what << "\n";
    out << "  " << e.command << "\n";
  }
  out << "\nExit codes: 0 done, 2 refused, 70 computation failed, 74 file not written, 75 stopped and saved.\n";
  return out.str();
}

void Cli::print_option(std::ostream& out, const Option& o, bool all, size_t width) const {
  const size_t column = width < 80 ? 26 : 30;
  const auto left_of = [&](const std::string& value) {
    return o.name == positional_ ? "  " + o.value_name : "  --" + o.name + (value.empty() ? "" : " " + value);
  };
  std::string left = left_of(o.kind == Option::Kind::kFlag ? "" : o.value_name), help = o.help;
  if (!all) {
    help = help.substr(0, help.find_first_of(";:("));
    while (help.ends_with(' ')) help.pop_back();
    if (left.size() + 2 > column) left = left_of("NAME");
  }
  if (o.kind != Option::Kind::kFlag && !o.default_value.empty() && (all || o.default_value != "0"))
    help += " [" + o.default_value + "]";
  if (all && !o.aliases.empty()) help += fmt::format(" (also --{})", fmt::join(o.aliases, ", --"));
  if (left.size() + 2 > column)
    left += "\n" + std::string(column, ' ');
  else
    left.resize(column, ' ');
  out << left;
  wrap(out, help, column, width, column);
}

}  // namespace encore
