// The text of --help. scripts/make_cli_docs.sh makes docs/cli.md from it.
#include <sstream>

#include "apps/program/cli.h"

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

std::string Cli::help_text(size_t width) const {
  std::ostringstream out;
  wrap(out, program_ + ": " + description_, 2, width, 0);
  out << "\n";
  wrap(out, "[in brackets]: the default. A flag is followed by its value or by =value.", 2, width, 0);
  const size_t column = width < 80 ? 26 : 30;
  std::vector<std::string> groups(group_order_.begin() + 1, group_order_.end());
  groups.push_back(group_order_.front());
  for (const std::string& group : groups) {
    out << "\n" << group << "\n";
    for (const Option& o : options_) {
      if (o.group != group) continue;
      std::string left = o.name == positional_
                             ? "  " + o.value_name
                             : "  --" + o.name + (o.kind == Option::Kind::kFlag ? "" : " " + o.value_name);
      std::string help = o.help;
      if (o.kind != Option::Kind::kFlag && !o.default_value.empty()) help += " [" + o.default_value + "]";
      if (left.size() + 2 > column)
        left += "\n" + std::string(column, ' ');
      else
        left.resize(column, ' ');
      out << left;
      wrap(out, help, column, width, column);
    }
  }
  out << "\n" << (examples_.size() == 1 ? "Example" : "Examples") << "\n";
  for (const Example& e : examples_) {
    if (!e.what.empty()) out << "  # " << e.what << "\n";
    out << "  " << e.command << "\n";
  }
  out << "\nExit codes: 0 done, 2 refused, 70 computation failed, 74 file not written, 75 stopped and saved.\n";
  return out.str();
}

}  // namespace encore
