#include "data/tokenizer/vocabulary.h"

#include "kernels/base/check.h"

namespace encore {

void Vocabulary::place(const std::string& source, const std::string& token, int32_t id) {
  check(!token.empty(), "{}: the token of id {} is empty", source, id);
  check(id >= 0 && id < kMaxTokenIds, "{}: token \"{}\": id {} is not in [0, {})", source, token, id, kMaxTokenIds);
  if (size_t(id) >= tokens.size()) tokens.resize(size_t(id) + 1);
  check(tokens[size_t(id)].empty(), "{}: \"{}\" and \"{}\" have the same id {}", source, tokens[size_t(id)], token, id);
  const bool fresh = ids.emplace(token, id).second;
  check(fresh, "{}: token \"{}\" occurs twice", source, token);
  tokens[size_t(id)] = token;
}

}  // namespace encore
