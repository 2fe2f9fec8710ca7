// What a report keeps of a log.jsonl: curves and totals, of the same size for a run of any length.
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
  // Reads what the file has gained since the last call; a last line without its end is left for the next one.
  // Throws Error naming file and line: no file, a line that is no JSON object with "step" and "loss" or "eval_loss".
  void read(const std::string& path);

  BucketSeries loss, lr, tokens_per_second, grad_norm;
  BucketSeries eval_loss{400};
  std::optional<EvalPoint> first_eval, last_eval, best_eval;  // best: of the evaluations after the first step
  std::string eval_name;
  int64_t last_step = 0, tokens = 0;
  double seconds = 0;       // of training
  double eval_seconds = 0;  // of the evaluations that say how long they took
  uint64_t bytes = 0;       // read so far

 private:
  int64_t line_ = 0;
};

}  // namespace encore
