// The curves and totals that a report keeps of a log.jsonl; their size does not grow with the length of the run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "report/series.h"

namespace encore {

struct EvalPoint {
  int64_t step = 0;
  double loss = 0, accuracy = 0;  // nats a target; share
  int64_t targets = 0;
};

class RunLog {
 public:
  // Reads the lines that were added since the last call. A last line without a line end is left for the next call.
  // Throws Error naming file and line: no file, a line that is no JSON object with "step" and "loss" or "eval_loss".
  void read(const std::string& path);

  BucketSeries loss, lr, tokens_per_second, grad_norm;
  BucketSeries eval_loss{400};
  BucketSeries documents_per_second, npmi_standard{400}, npmi_vampire{400};  // of vampire_train
  std::optional<EvalPoint> first_eval, last_eval, best_eval;  // best: of the evaluations after the first step
  std::string eval_name;
  int64_t last_step = 0, tokens = 0;
  double seconds = 0;       // of training
  double eval_seconds = 0;  // sum over the evaluations whose lines have it
  uint64_t bytes = 0;       // read so far

 private:
  int64_t line_ = 0;
};

}  // namespace encore
