#include "report/run_log.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include "kernels/base/check.h"
#include "kernels/base/input_file.h"

namespace encore {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kMost = 9007199254740992;  // 2^53, beyond which a double skips whole numbers

double number(const simdjson::dom::object& line, const char* key) {
  double value = kNotANumber;
  return line[key].get(value) == simdjson::SUCCESS ? value : kNotANumber;
}

// A number of tokens or targets; 0 where the line has none that can be one.
int64_t count(const simdjson::dom::object& line, const char* key) {
  const double value = number(line, key);
  return value >= 0 && value <= kMost ? int64_t(value) : 0;
}

void add_evaluation(const simdjson::dom::object& line, double step, RunLog& log) {
  const EvalPoint point{.step = int64_t(step),
                        .loss = number(line, "eval_loss"),
                        .accuracy = number(line, "eval_accuracy"),
                        .targets = count(line, "eval_targets")};
  // An evaluation without targets has a loss of null and is no point.
  if (std::isfinite(point.loss)) {
    log.eval_loss.add(step, point.loss);
    if (!log.first_eval) log.first_eval = point;
    log.last_eval = point;
  }
  if (std::isfinite(point.loss) && point.step > 0 && (!log.best_eval || point.loss < log.best_eval->loss))
    log.best_eval = point;
  log.npmi_standard.add(step, number(line, "eval_npmi_standard"));
  log.npmi_vampire.add(step, number(line, "eval_npmi_vampire"));
  std::string_view name;
  if (line["eval_name"].get(name) == simdjson::SUCCESS) log.eval_name = name;
  if (const double seconds = number(line, "eval_seconds"); std::isfinite(seconds)) log.eval_seconds += seconds;
}

void add_step(const simdjson::dom::object& line, double step, RunLog& log) {
  log.loss.add(step, number(line, "loss"));
  log.lr.add(step, number(line, "lr"));
  log.tokens_per_second.add(step, number(line, "tokens_per_second"));
  log.documents_per_second.add(step, number(line, "documents_per_second"));
  log.grad_norm.add(step, number(line, "grad_norm"));
  log.last_step = int64_t(step);
  log.tokens = std::min(log.tokens + count(line, "tokens"), int64_t(1) << 62);
  if (const double seconds = number(line, "seconds"); std::isfinite(seconds)) log.seconds = seconds;
}

}  // namespace

void RunLog::read(const std::string& path) {
  std::ifstream in = open_regular(path);
  check(bool(in), "{}: cannot be read", path);
  in.seekg(std::streamoff(bytes));
  simdjson::dom::parser parser;
  for (std::string text; std::getline(in, text) && !in.eof();) {
    ++line_;
    bytes += text.size() + 1;
    simdjson::dom::object line;
    check(parser.parse(text).get(line) == simdjson::SUCCESS, "{}: line {} is not a JSON object: {}", path, line_,
          text.substr(0, 60));
    const double step = number(line, "step");
    check(std::isfinite(step), "{}: line {} has no \"step\"", path, line_);
    check(step >= 0 && step <= kMost, "{}: line {}: {:g} is no \"step\" of a run", path, line_, step);
    // A skipped step has a loss of null, so the key is looked for and not a number.
    const bool evaluation = line["eval_loss"].error() == simdjson::SUCCESS;
    check(evaluation || line["loss"].error() == simdjson::SUCCESS, "{}: line {} has neither \"loss\" nor \"eval_loss\"",
          path, line_);
    if (evaluation)
      add_evaluation(line, step, *this);
    else
      add_step(line, step, *this);
  }
}

}  // namespace encore
