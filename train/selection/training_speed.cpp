#include "train/selection/training_speed.h"

#include <algorithm>

#include "data/sequences/text_set.h"
#include "kernels/base/check.h"
#include "kernels/base/clock.h"
#include "train/text_batches.h"
#include "train/trainer.h"

namespace encore {

double training_tokens_per_second(Reservation& reservation, const std::vector<std::string>& texts,
                                  const Tokenizer& tokenizer, std::shared_ptr<const Objective> objective,
                                  const SpeedOptions& options) {
  constexpr int64_t kMostSteps = 1000;
  const auto set = std::make_shared<TextSet>(texts, tokenizer, options.seq_length);
  check(set->examples() > 0, "no text holds a token: the speed of training cannot be measured");
  // A step of about one full micro-batch: several of them take as long for each token.
  const int64_t mean = std::max<int64_t>(1, (set->tokens() + 2 * set->examples()) / set->examples());
  const int64_t batch = std::clamp<int64_t>(options.tokens_per_batch / mean, 1, set->examples());
  const TextBatches source(
      set, std::move(objective),
      {.batch_sequences = batch, .tokens_per_batch = options.tokens_per_batch, .total_examples = batch * kMostSteps});
  const auto comm = one_process();
  Trainer trainer(reservation, source, *comm, {.on_nonfinite = OnNonFinite::kSkip});
  trainer.run_step();
  const double start = steady_seconds();
  int64_t tokens = 0;
  while (!trainer.done() && (tokens == 0 || seconds_since(start) < options.seconds))
    tokens += trainer.run_step().tokens;
  return double(tokens) / seconds_since(start);
}

}  // namespace encore
