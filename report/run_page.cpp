// The page of pretraining runs: one file that loads nothing.
#include <fmt/format.h>

#include <cmath>

#include "kernels/base/human.h"
#include "report/curves.h"
#include "report/frame.h"
#include "report/reported_run.h"
#include "report/tables.h"

namespace encore {
namespace {

using Runs = std::vector<ReportedRun>;

std::string arrow(const std::string& before, const std::string& after) {
  return fmt::format("{} <i>→</i> {}", html(before), html(after));
}

std::string tiles(const ReportedRun& run) {
  const RunLog& log = run.log;
  std::string out = R"x(<div class="tiles">)x";
  if (log.first_eval && log.best_eval) {
    const EvalPoint &before = *log.first_eval, &after = *log.best_eval;
    const std::string at = fmt::format("{} text, best at step {}", log.eval_name, with_commas(after.step));
    out += tile("Evaluation loss", arrow(with_decimals(before.loss), with_decimals(after.loss)), at);
    const double change = 100 * (std::exp(after.loss - before.loss) - 1);
    out += tile("Perplexity",
                arrow(short_number(std::round(std::exp(before.loss) * 100) / 100),
                      short_number(std::round(std::exp(after.loss) * 100) / 100)),
                std::abs(change) < 1e6 ? fmt::format("{:+.1f} %", change) : "");
    out += tile("Masked tokens guessed", arrow(percent(before.accuracy, 1), percent(after.accuracy, 1)),
                fmt::format("of {} targets", with_commas(after.targets)));
  }
  const double rate = log.seconds > 0 ? double(log.tokens) / log.seconds : 0;
  out += tile("Tokens trained on", with_commas(log.tokens),
              fmt::format("{} of steps, {} tokens/s", human_time(log.seconds), short_number(std::round(rate))));
  return out + "</div>";
}

std::string charts(const Runs& runs, nlohmann::json& data) {
  std::string out = "<h2>Course</h2>" + chart_card(loss_chart(runs, "nats a target"), "loss", true, data) +
                    R"x(<div class="charts">)x";
  int n = 0;
  for (const Chart& chart : small_charts(runs)) out += chart_card(chart, fmt::format("small{}", n++), false, data);
  return out + "</div>";
}

std::string subtitle(const ReportedRun& run) {
  const int64_t steps = run.steps();
  std::string text = fmt::format("step {}{}", with_commas(run.log.last_step),
                                 steps > 0 ? fmt::format(" of {}", with_commas(steps)) : "");
  if (!run.program().empty()) text = run.program() + " · " + text;
  if (run.flags.contains("model") && run.flags["model"].is_string())
    text += " · from " + run.flags["model"].get<std::string>();
  for (const char* key : {"device", "processes"})
    if (run.about.is_object() && run.about.contains(key)) text += " · " + run.about[key].get<std::string>();
  return text;
}

}  // namespace

std::string report_page(const Runs& runs) {
  const bool one = runs.size() == 1;
  std::string names;
  for (const ReportedRun& run : runs) names += (names.empty() ? "" : ", ") + run.name;
  nlohmann::json data = nlohmann::json::object();
  std::string body = one ? tiles(runs[0]) : "";
  body += charts(runs, data) + "\n" + before_and_after(runs) + "\n";
  if (!one) body += differing_flags(named_flags(runs)) + "\n";
  body += ledgers(runs) + "\n" + flags_in_force(named_flags(runs));
  return page_frame(names, one ? names : fmt::format("{} runs side by side", runs.size()),
                    one ? subtitle(runs[0]) : names, body, data);
}

}  // namespace encore
