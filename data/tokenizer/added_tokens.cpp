#include "data/tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "data/tokenizer/pretokenizer.h"

namespace encore {
namespace {

// Whether an end of `a` is a beginning of `b`, or `a` holds `b`.
bool overlaps(std::string_view a, std::string_view b) {
  if (a.find(b) != std::string_view::npos) return true;
  for (size_t n = 1; n < std::min(a.size(), b.size()); ++n)
    if (a.substr(a.size() - n) == b.substr(0, n)) return true;
  return false;
}

bool has_outer_space(std::string_view content) {
  const PreTokenizer& pre = PreTokenizer::instance();
  return pre.leading_space_end(content, 0, content.size()) > 0 ||
         pre.trailing_space_start(content, 0, content.size()) < content.size();
}

// Two passes and one find the same tokens unless tokens of both kinds can compete for a place.
bool order_matters(const std::vector<const AddedToken*>& first, const std::vector<const AddedToken*>& second) {
  if (first.empty() || second.empty()) return false;
  for (const auto* tokens : {&first, &second})
    for (const AddedToken* token : *tokens)
      if (token->single_word || has_outer_space(token->content)) return true;
  for (const AddedToken* a : first)
    for (const AddedToken* b : second)
      if (overlaps(a->content, b->content) || overlaps(b->content, a->content)) return true;
  return false;
}

// The token that starts at text[at], longest first; nullptr if none.
const AddedToken* token_at(const std::vector<const AddedToken*>& candidates, std::string_view text, size_t at,
                           SpecialText special) {
  const std::string_view rest = text.substr(at);
  for (const AddedToken* token : candidates)
    if (rest.starts_with(token->content) && !(token->special && special == SpecialText::kAsText)) return token;
  return nullptr;
}

bool inside_a_word(std::string_view text, size_t begin, size_t end) {
  const PreTokenizer& pre = PreTokenizer::instance();
  return pre.ends_in_word(text.substr(0, begin)) || pre.starts_in_word(text.substr(end));
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.content.size() > b.content.size(); });
  std::vector<const AddedToken*> all, raw, normalized;
  for (const AddedToken& token : tokens_) {
    all.push_back(&token);
    (token.normalized ? normalized : raw).push_back(&token);
  }
  if (order_matters(raw, normalized)) {
    add_pass(raw);
    add_pass(normalized);
  } else if (!all.empty()) {
    add_pass(all);
  }
}

void AddedTokens::add_pass(const std::vector<const AddedToken*>& tokens) {
  Pass& pass = passes_.emplace_back();
  for (const AddedToken* token : tokens) pass.by_first_byte[uint8_t(token->content[0])].push_back(token);
  const auto used = [](const auto& bucket) { return !bucket.empty(); };
  if (std::count_if(pass.by_first_byte.begin(), pass.by_first_byte.end(), used) == 1)
    pass.only_start = uint8_t(tokens[0]->content[0]);
}

// The next byte from `at` on with which some added token starts, or text.size().
size_t AddedTokens::next_candidate(const Pass& pass, std::string_view text, size_t at) const {
  if (pass.only_start >= 0) return std::min(text.find(char(pass.only_start), at), text.size());
  while (at < text.size() && pass.by_first_byte[uint8_t(text[at])].empty()) ++at;
  return at;
}

void AddedTokens::split(std::string_view text, SpecialText special, std::vector<Piece>& pieces) const {
  split(0, text, special, pieces);
}

void AddedTokens::split(size_t number, std::string_view text, SpecialText special, std::vector<Piece>& pieces) const {
  if (text.empty()) return;
  if (number == passes_.size()) {
    pieces.push_back({text});
    return;
  }
  const Pass& pass = passes_[number];
  const PreTokenizer& pre = PreTokenizer::instance();
  size_t done = 0;
  for (size_t at = next_candidate(pass, text, 0); at < text.size(); at = next_candidate(pass, text, at)) {
    const AddedToken* token = token_at(pass.by_first_byte[uint8_t(text[at])], text, at, special);
    if (!token) {
      ++at;
      continue;
    }
    const size_t end = at + token->content.size();
    // tokenizers go on behind such a place, even where a shorter token would fit.
    if (token->single_word && inside_a_word(text, at, end)) {
      at = end;
      continue;
    }
    // A match may lie in white space that an earlier token took. tokenizers give it all the same, unless it has lstrip.
    const size_t begin = token->lstrip ? std::max(pre.trailing_space_start(text, std::min(done, at), at), done) : at;
    if (begin > done) split(number + 1, text.substr(done, begin - done), special, pieces);
    done = token->rstrip ? pre.leading_space_end(text, end, text.size()) : end;
    if (done > begin) pieces.push_back({text.substr(begin, done - begin), token});
    at = end;
  }
  split(number + 1, text.substr(done), special, pieces);
}

}  // namespace encore
