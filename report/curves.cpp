#include "report/curves.h"

#include <algorithm>

namespace encore {
namespace {

using Look = ChartLine::Look;

ChartLine line_of(const BucketSeries& series, const std::string& name, int colour, Look look) {
  ChartLine line{.name = name, .colour = colour, .look = look};
  for (const Bucket& b : series.buckets()) {
    line.x.push_back(b.x);
    line.y.push_back(b.mean);
  }
  return line;
}

ChartLine smooth_line(const BucketSeries& series, const std::string& name, int colour) {
  ChartLine line = line_of(series, name, colour, Look::kLine);
  line.y = smoothed(series.buckets());
  return line;
}

// The measured points; where buckets hold several points, their means within a band from the least to the greatest.
ChartLine raw_line(const BucketSeries& series, const std::string& name, int colour) {
  ChartLine line = line_of(series, name, colour, Look::kFaint);
  const auto& buckets = series.buckets();
  if (std::none_of(buckets.begin(), buckets.end(), [](const Bucket& b) { return b.count > 1; })) return line;
  for (const Bucket& b : buckets) {
    line.least.push_back(b.least);
    line.most.push_back(b.most);
  }
  return line;
}

std::string named(const std::vector<ReportedRun>& runs, size_t i, const std::string& what) {
  return runs.size() == 1 ? what : runs[i].name + (what.empty() ? "" : ", " + what);
}

Chart small_chart(const std::vector<ReportedRun>& runs, const std::string& title, const std::string& y_name,
                  BucketSeries RunLog::*series, bool smooth) {
  Chart chart{.title = title, .width = 460, .height = 270, .y_name = y_name};
  for (size_t i = 0; i < runs.size(); ++i) {
    const BucketSeries& s = runs[i].log.*series;
    if (s.empty()) continue;
    if (smooth && runs.size() == 1) {
      chart.lines.push_back(raw_line(s, "each step", int(i)));
      chart.lines.back().hover = false;
    }
    chart.lines.push_back(smooth ? smooth_line(s, named(runs, i, runs.size() == 1 ? "smoothed" : ""), int(i))
                                 : line_of(s, named(runs, i, runs.size() == 1 ? "value" : ""), int(i), Look::kLine));
  }
  return chart;
}

Chart gradient_chart(const std::vector<ReportedRun>& runs, const std::string& title) {
  Chart chart = small_chart(runs, title, "L2 norm", &RunLog::grad_norm, true);
  chart.from_zero = true;
  // On a linear axis a few very large gradients would flatten the others.
  for (const ReportedRun& run : runs) {
    const auto& norms = run.log.grad_norm.buckets();
    if (!norms.empty() && quantile(norms, 1) > 20 * quantile(norms, 0.5)) chart.logarithmic = true;
  }
  if (chart.logarithmic) chart.title += " (logarithmic)";
  return chart;
}

}  // namespace

Chart loss_chart(const std::vector<ReportedRun>& runs, const std::string& unit) {
  Chart chart{.title = "Loss by step, " + unit, .width = 1040, .height = 400, .y_name = "loss, " + unit};
  const bool one = runs.size() == 1;
  for (size_t i = 0; i < runs.size(); ++i) {
    const RunLog& log = runs[i].log;
    if (one) chart.lines.push_back(raw_line(log.loss, "training, each step", 0));
    chart.lines.push_back(smooth_line(log.loss, named(runs, i, one ? "training, smoothed" : "training"), int(i)));
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    const RunLog& log = runs[i].log;
    if (!log.eval_loss.empty())
      chart.lines.push_back(line_of(log.eval_loss, named(runs, i, "evaluation"), one ? 1 : int(i), Look::kDots));
  }
  return chart;
}

std::vector<Chart> small_charts(const std::vector<ReportedRun>& runs) {
  std::vector<Chart> charts = {small_chart(runs, "Learning rate", "learning rate", &RunLog::lr, false),
                               small_chart(runs, "Tokens a second", "tokens/s", &RunLog::tokens_per_second, true)};
  charts[0].from_zero = charts[1].from_zero = true;
  charts.push_back(gradient_chart(runs, "Norm of the gradient before clipping"));
  return charts;
}

std::vector<Chart> vampire_charts(const std::vector<ReportedRun>& runs) {
  std::vector<Chart> charts = {
      small_chart(runs, "NPMI of the topics, standard reading", "NPMI", &RunLog::npmi_standard, false),
      small_chart(runs, "NPMI of the topics, VAMPIRE's reading", "NPMI", &RunLog::npmi_vampire, false),
      small_chart(runs, "Documents a second", "documents/s", &RunLog::documents_per_second, true)};
  charts[2].from_zero = true;
  charts.push_back(gradient_chart(runs, "Norm of the gradient"));
  return charts;
}

}  // namespace encore
