#include "data/select/text_choice.h"

namespace encore {

TextChoice::TextChoice(std::optional<double> near_duplicates) {
  if (near_duplicates) near_.emplace(*near_duplicates);
}

void TextChoice::add_task_text(std::string_view text, bool kept) {
  task_texts_.emplace(text);
  if (kept && near_) near_->add(text);
}

TextFate TextChoice::propose(const std::string& text) {
  if (!proposed_.insert(text).second) return TextFate::kSameText;
  if (task_texts_.contains(text)) return TextFate::kTaskText;
  if (near_) {
    if (near_->find(text) != NearDuplicates::kNone) return TextFate::kNearDuplicate;
    near_->add(text);
  }
  return TextFate::kTaken;
}

}  // namespace encore
