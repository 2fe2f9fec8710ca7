// Which of the texts that a method proposes are taken: not the same text twice, not a text of the task, no
// near-duplicate of one that was taken.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "data/select/near/min_hash.h"

namespace encore {

enum class TextFate {
  kTaken,
  kSameText,       // as one that was proposed before
  kTaskText,       // equal to a text of the task, or to one of its dev or test set
  kNearDuplicate,  // of one that was taken before, or of a text of the task that is trained on
};

// Texts are judged in the order in which they are proposed, so what is taken of the first n does not depend on those
// behind them. Texts are equal when all bytes are.
class TextChoice {
 public:
  // near_duplicates: the threshold; without it there is no such check.
  explicit TextChoice(std::optional<double> near_duplicates);

  // A text that may not be taken. kept: it is part of the result, so a near-duplicate of it is not taken either.
  void add_task_text(std::string_view text, bool kept);
  TextFate propose(const std::string& text);

 private:
  std::unordered_set<std::string> task_texts_, proposed_;
  std::optional<NearDuplicates> near_;
};

}  // namespace encore
