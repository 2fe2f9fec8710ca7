// The tokens of a tokenizer: by id, and ids by token.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace encore {

// Twice the largest vocabulary in use. A damaged file with a far id must not allocate gigabytes of unused places.
inline constexpr int32_t kMaxTokenIds = 1 << 21;

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
};
using TokenIds = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

struct Vocabulary {
  std::vector<std::string> tokens;  // by id; "" where an id has no token
  TokenIds ids;

  // -1: no such token.
  int32_t find(std::string_view token) const {
    const auto found = ids.find(token);
    return found == ids.end() ? -1 : found->second;
  }
  // Throws Error, which begins with `source`, for an empty token, an id outside of [0, kMaxTokenIds), and a token or an
  // id that is there already.
  void place(const std::string& source, const std::string& token, int32_t id);
};

}  // namespace encore
