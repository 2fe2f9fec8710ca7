#include "train/model_figures.h"

#include <limits>

#include "data/sequences/text_set.h"
#include "train/evaluator.h"

namespace encore {

ModelFigures model_figures(const std::vector<std::string>& texts, const Tokenizer& tokenizer,
                           std::shared_ptr<const Objective> objective, const FigureOptions& options,
                           Reservation& reservation) {
  const auto set = std::make_shared<TextSet>(texts, tokenizer, options.seq_length);
  ModelFigures figures{
      .loss = std::numeric_limits<double>::quiet_NaN(), .tokens = set->tokens(), .documents = int64_t(texts.size())};
  for (const std::string& text : texts) figures.words += count_spaced_words(text);
  if (set->examples() == 0) return figures;
  const EvalResult result =
      Evaluator(set, std::move(objective), options.tokens_per_batch).run(reservation, *one_process());
  figures.loss = result.loss;
  figures.targets = result.targets;
  return figures;
}

}  // namespace encore
