#include "report/classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/human.h"
#include "report/chart.h"
#include "report/html_table.h"

namespace encore {
namespace {

using nlohmann::json;
using Counts = std::vector<std::vector<int64_t>>;  // [gold][predicted]

constexpr size_t kMostInMatrix = 40;        // classes; more would be too small to read
constexpr size_t kMostInNarrowMatrix = 14;  // in a window of a telephone's width; the others' mistakes are listed there
constexpr size_t kMostMistakes = 30;        // listed in place of a matrix

Counts counts_of(const json& confusion, size_t labels, const std::string& file) {
  const auto fits = [&](const json& list) { return list.is_array() && list.size() == labels; };
  bool good = fits(confusion);
  Counts counts(labels, std::vector<int64_t>(labels));
  for (size_t g = 0; good && g < labels; ++g) {
    good = fits(confusion[g]);
    for (size_t p = 0; good && p < labels; ++p) {
      const json& n = confusion[g][p];
      // A sum over a thousand seeds stays far below 2^63.
      good = n.is_number_unsigned() && n.get<uint64_t>() < (uint64_t(1) << 48);
      if (good) counts[g][p] = n.get<int64_t>();
    }
  }
  check(good, "{}: \"confusion\" is no matrix of {} x {} counts", file, labels, labels);
  return counts;
}

struct ClassScores {
  double precision = 0, recall = 0, f1 = 0;
  int64_t support = 0;    // rows of the class, in one seed
  int64_t predicted = 0;  // over all seeds
};

double ratio(int64_t a, int64_t b) {
  return b > 0 ? double(a) / double(b) : 0;
}

// Adds the scores of one seed, as shares of the mean. scikit-learn's definitions, a share of nothing being 0.
void add_seed(const Counts& counts, double share, std::vector<ClassScores>& classes) {
  for (size_t c = 0; c < counts.size(); ++c) {
    int64_t gold = 0, predicted = 0;
    for (size_t d = 0; d < counts.size(); ++d) gold += counts[c][d], predicted += counts[d][c];
    classes[c].precision += share * ratio(counts[c][c], predicted);
    classes[c].recall += share * ratio(counts[c][c], gold);
    classes[c].f1 += share * ratio(2 * counts[c][c], gold + predicted);
    classes[c].support = gold;
    classes[c].predicted += predicted;
  }
}

std::string class_table(const std::vector<std::string>& labels, const std::vector<ClassScores>& classes) {
  HtmlTable table({{"class"}, {"no.", true}, {"precision", true}, {"recall", true}, {"F1", true}, {"rows", true}});
  for (size_t c = 0; c < labels.size(); ++c) {
    const ClassScores& s = classes[c];
    // No prediction: there is nothing whose share could be right.
    const std::string precision = s.predicted ? fmt::format("{:.4f}", s.precision) : "never predicted";
    table.add({breakable(labels[c]), std::to_string(c + 1), precision, fmt::format("{:.4f}", s.recall),
               fmt::format("{:.4f}", s.f1), with_commas(s.support)});
  }
  return table.html();
}

// Squares in the colour of their share of the gold class. An SVG, since it shrinks with the window as a whole.
std::string matrix(const std::vector<std::string>& labels, const Counts& counts) {
  constexpr int kCell = 40, kLeft = 66, kTop = 62, kAxisName = 160;
  const int n = int(labels.size()), side = kCell * n, width = kLeft + std::max(side, kAxisName) + 8;
  std::string svg = fmt::format(
      R"x(<svg class="matrix" style="max-width:{}px" viewBox="0 0 {} {}" role="img" aria-label="Confusion matrix">)x"
      R"x(<text x="{}" y="20">predicted class</text>)x"
      R"x(<text transform="translate(18 {}) rotate(-90)" text-anchor="middle">true class</text>)x",
      width * 3 / 4, width, kTop + side + 8, kLeft, kTop + side / 2);
  const auto out = std::back_inserter(svg);
  for (int c = 0; c < n; ++c) {
    fmt::format_to(out, R"x(<text x="{}" y="{}" text-anchor="middle">{}</text>)x", kLeft + kCell * c + kCell / 2,
                   kTop - 12, c + 1);
    fmt::format_to(out, R"x(<text x="{}" y="{}" text-anchor="end">{}</text>)x", kLeft - 10,
                   kTop + kCell * c + kCell / 2 + 7, c + 1);
  }
  for (int g = 0; g < n; ++g) {
    int64_t gold = 0;
    for (const int64_t count : counts[size_t(g)]) gold += count;
    for (int p = 0; p < n; ++p) {
      const int64_t count = counts[size_t(g)][size_t(p)];
      const double share = ratio(count, gold);
      const std::string text = std::to_string(count);
      fmt::format_to(
          out,
          R"x(<g><title>{} taken for {}: {}</title><rect x="{}" y="{}" width="{}" height="{}" style="fill-opacity:{:.2f}"/>)x",
          html(labels[size_t(g)]), html(labels[size_t(p)]), with_commas(count), kLeft + kCell * p, kTop + kCell * g,
          kCell - 1, kCell - 1, 0.06 + 0.94 * share);
      // The digits fit into the cell, whatever their number.
      if (count > 0)
        fmt::format_to(out,
                       R"x(<text class="{}" style="font-size:{:.1f}px" x="{}" y="{}" text-anchor="middle">{}</text>)x",
                       share > 0.7 ? "on" : "off", std::min(20.0, 64.0 / double(text.size())),
                       kLeft + kCell * p + kCell / 2, kTop + kCell * g + kCell / 2 + 7, text);
      svg += "</g>";
    }
  }
  return svg + "</svg>";
}

std::string commonest_mistakes(const std::vector<std::string>& labels, const Counts& counts) {
  struct Mistake {
    size_t gold, predicted;
  };
  std::vector<Mistake> mistakes;
  for (size_t g = 0; g < counts.size(); ++g)
    for (size_t p = 0; p < counts.size(); ++p)
      if (g != p && counts[g][p] > 0) mistakes.push_back({g, p});
  std::stable_sort(mistakes.begin(), mistakes.end(), [&](const Mistake& a, const Mistake& b) {
    return counts[a.gold][a.predicted] > counts[b.gold][b.predicted];
  });
  HtmlTable table({{"true class"}, {"taken for"}, {"rows", true}});
  for (size_t i = 0; i < std::min(mistakes.size(), kMostMistakes); ++i)
    table.add({breakable(labels[mistakes[i].gold]), breakable(labels[mistakes[i].predicted]),
               with_commas(counts[mistakes[i].gold][mistakes[i].predicted])});
  return table.empty() ? "No row was taken for another class." : table.html();
}

}  // namespace

std::string classes_sections(const json& results, const char* split, const std::string& file) {
  const json& seeds = results["seeds"];
  for (const json& seed : seeds)
    if (!seed[split].contains("confusion")) return "";
  check(results.contains("labels") && results["labels"].is_array() && !results["labels"].empty(),
        "{}: no \"labels\": not finetune's", file);
  std::vector<std::string> labels;
  for (const json& label : results["labels"]) {
    check(label.is_string(), "{}: \"labels\" holds {}, not a name", file, label.type_name());
    labels.push_back(label.get<std::string>());
  }
  std::vector<ClassScores> classes(labels.size());
  Counts sum(labels.size(), std::vector<int64_t>(labels.size()));
  for (const json& seed : seeds) {
    const Counts counts = counts_of(seed[split]["confusion"], labels.size(), file);
    add_seed(counts, 1.0 / double(seeds.size()), classes);
    for (size_t g = 0; g < labels.size(); ++g)
      for (size_t p = 0; p < labels.size(); ++p) sum[g][p] += counts[g][p];
  }
  const std::string of_seeds = seeds.size() == 1 ? "" : fmt::format(" of {} seeds", seeds.size());
  const auto card = [&](const char* what, const std::string& body) {
    return fmt::format("<div class=\"card after\"><h3>{} on {}{}</h3>{}</div>", what, split,
                       of_seeds.empty() ? "" : ", sums" + of_seeds, body);
  };
  std::string mistakes;
  if (labels.size() > kMostInNarrowMatrix) mistakes = card("Commonest mistakes", commonest_mistakes(labels, sum));
  if (labels.size() <= kMostInMatrix) {
    const std::string drawn =
        card("Confusion matrix", matrix(labels, sum) +
                                     "<p class=\"sub\">Classes by their number in the table. "
                                     "The stronger the colour, the larger the share of the true class.</p>");
    mistakes = mistakes.empty()
                   ? drawn
                   : "<div class=\"roomy\">" + drawn + "</div><div class=\"narrow\">" + mistakes + "</div>";
  }
  return fmt::format("<h2>Classes</h2><div class=\"card\"><h3>Scores on {}{}</h3>{}</div>{}", split,
                     of_seeds.empty() ? "" : ", means" + of_seeds, class_table(labels, classes), mistakes);
}

}  // namespace encore
