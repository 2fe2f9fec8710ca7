#include "data/tokenizer/bpe_files.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace encore {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// "left right" -> both, or false.
bool split_merge(std::string_view line, std::pair<std::string, std::string>& merge) {
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos || blank == 0 || blank + 1 == line.size()) return false;
  if (line.find(' ', blank + 1) != std::string_view::npos) return false;
  merge = {std::string(line.substr(0, blank)), std::string(line.substr(blank + 1))};
  return true;
}

}  // namespace

std::vector<std::pair<std::string, int32_t>> read_vocab(const JsonFile& file, element vocab) {
  object entries;
  check(!vocab.get(entries), "{}: the vocabulary is not an object of token: id", file.path);
  std::vector<std::pair<std::string, int32_t>> result;
  for (const auto [token, id] : entries) result.emplace_back(token, file.id(id, token));
  return result;
}

ByteLevelBpe::Merges read_merges_txt(const std::string& path, std::string_view bytes) {
  ByteLevelBpe::Merges merges;
  size_t number = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', at), bytes.size());
    std::string_view line = bytes.substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("#version") || (line.empty() && at >= bytes.size())) continue;
    check(split_merge(line, merges.emplace_back()), "{}: line {}: \"{}\" is not two tokens with one blank between them",
          path, number, line);
  }
  return merges;
}

ByteLevelBpe::Merges read_merges_json(const JsonFile& file, element value) {
  array entries;
  check(!value.get(entries), "{}: \"model.merges\" is not a list", file.path);
  ByteLevelBpe::Merges merges;
  for (const element entry : entries) {
    const size_t number = merges.size();
    auto& merge = merges.emplace_back();
    std::string_view line;
    array pair;
    bool ok = false;
    if (!entry.get(line)) {
      ok = split_merge(line, merge);
    } else if (!entry.get(pair) && pair.size() == 2) {
      merge = {file.text(pair.at(0).value(), "model.merges"), file.text(pair.at(1).value(), "model.merges")};
      ok = !merge.first.empty() && !merge.second.empty();
    }
    check(ok, "{}: \"model.merges\"[{}] is not a pair of tokens", file.path, number);
  }
  return merges;
}

}  // namespace encore
