#include "data/cache/token_cache.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/cache/cache_lock.h"
#include "data/readers/byte_stream.h"
#include "data/tokenizer/unicode_ranges.h"
#include "kernels/base/cache_folder.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"

namespace encore {
namespace {

// Must be raised when the same text and tokenizer give other tokens, words or lines. The layout of the file is not part
// of it: a resumed run compares the content that it trains on.
constexpr uint64_t kReadingVersion = 1;

constexpr int64_t kGuideStep = 8192;  // documents: the offsets of a block

uint64_t options_fingerprint(const TokenCacheOptions& options, const Tokenizer& tokenizer) {
  Hasher hash;
  hash.add(kReadingVersion).add(tokenizer.fingerprint()).add(uint64_t(tokenizer.vocab_size()));
  hash.add_text(options.corpus.text_field).add(uint64_t(options.corpus.blank_line_documents));
  if (options.corpus.quote_none) hash.add_text("quote-none");
  return hash.digest();
}

}  // namespace

std::string TokenCache::load(const std::string& path) {
  path_ = path;
  if (std::string fault = file_.open(path); !fault.empty()) return fault;
  const CacheHeader& header = file_.header();
  // Offsets, hashes and files are needed at once, and are small beside the tokens.
  if (!file_.good(header.at_offsets, header.at_sums)) return "is damaged";
  if (!read_offsets()) return "is torn";
  std::string json;
  CacheWindow window(file_);
  while (header.at_files + json.size() < header.at_sums)
    json += window.bytes(header.at_files + json.size(), header.at_sums - header.at_files - json.size());
  try {
    files_ = parse_source_files(json);
  } catch (const nlohmann::json::exception&) {
    return "is torn";
  }
  return "";
}

bool TokenCache::read_offsets() {
  const CacheHeader& header = file_.header();
  CacheWindow window(file_);
  uint64_t before = 0;
  for (uint64_t d = 0; d <= header.documents; ++d) {
    const uint64_t offset = window.at<uint64_t>(header.at_offsets + 8 * d);
    if (offset < before || (d == 0 && offset != 0)) return false;
    if (d % kGuideStep == 0) guide_.push_back(offset);
    before = offset;
  }
  return before == header.tokens;
}

std::string TokenCache::outdated(const std::vector<SourceFile>& now, bool verify, uint64_t checked_bytes) const {
  if (files_.size() != now.size()) return "has other files";
  for (size_t i = 0; i < now.size(); ++i)
    if (!files_[i].untouched(now[i])) return "is stale";
  if ((verify || file_.size() <= checked_bytes) && !file_.good(sizeof(CacheHeader), file_.header().at_sums))
    return "is damaged";
  for (size_t i = 0; verify && i < now.size(); ++i)
    if (hash_file(now[i].path) != files_[i].hash) return "is stale";
  return "";
}

std::shared_ptr<const TokenCache> TokenCache::open(const TokenCacheOptions& options, const Tokenizer& tokenizer) {
  const std::string folder = cache_folder(options.dir);
  const std::vector<SourceFile> files = stat_files(resolve_files(options.corpus.files, folder));
  const uint64_t fingerprint = options_fingerprint(options, tokenizer);
  Hasher hash;
  hash.add(fingerprint).add_text(unicode_version());
  for (const SourceFile& file : files) hash.add_text(file.path);
  const uint64_t key = hash.digest();
  const std::string path = fmt::format("{}/{:016x}.tokens", folder, key);

  int64_t continued = 0;
  const auto usable = [&](bool fresh) -> std::shared_ptr<const TokenCache> {
    std::shared_ptr<TokenCache> cache(new TokenCache);
    std::string fault = cache->load(path);
    if (fault.empty() && cache->file_.header().key != key) fault = "belongs to other files";
    if (fault.empty()) fault = cache->outdated(files, options.verify && !fresh, options.checked_bytes);
    if (fresh && !fault.empty()) fail_io("{}: the token cache {} right after it was written", path, fault);
    if (!fault.empty()) return nullptr;
    cache->reused_ = !fresh;
    cache->options_fingerprint_ = fingerprint;
    cache->continued_documents_ = continued;
    return cache;
  };
  if (auto cache = usable(false)) return cache;
  const BuildLock lock(path, options.say);
  if (auto cache = usable(false)) return cache;
  if (lock.held()) remove_dead_builds(folder);
  continued = write_token_cache(path, key, files, lock.held(), options, tokenizer);
  return usable(true);
}

uint64_t TokenCache::content_fingerprint() const {
  Hasher hash;
  hash.add(options_fingerprint_).add(file_.header().documents).add(file_.header().tokens);
  for (const SourceFile& file : files_) hash.add(file.hash);
  return hash.digest();
}

TokenCacheReader::TokenCacheReader(const TokenCache& cache)
    : cache_(cache),
      header_(cache.file_.header()),
      tokens_(cache.file_),
      words_(cache.file_),
      lines_(cache.file_),
      offsets_(cache.file_),
      hashes_(cache.file_) {}

int64_t TokenCacheReader::document_start(int64_t document) {
  return int64_t(offsets_.at<uint64_t>(header_.at_offsets + 8 * uint64_t(document)));
}

uint64_t TokenCacheReader::document_hash(int64_t document) {
  return hashes_.at<uint64_t>(header_.at_hashes + 8 * uint64_t(document));
}

int64_t TokenCacheReader::document_of(int64_t token) {
  // Empty documents share their start with the one that follows: the last of them holds the token.
  const auto after = std::upper_bound(cache_.guide_.begin(), cache_.guide_.end(), uint64_t(token));
  int64_t first = (after - cache_.guide_.begin() - 1) * kGuideStep;  // starts at or before the token
  int64_t last = std::min(first + kGuideStep, cache_.documents());   // starts after it
  while (last - first > 1) {
    const int64_t middle = first + (last - first) / 2;
    (document_start(middle) <= token ? first : last) = middle;
  }
  return first;
}

int32_t TokenCacheReader::token(int64_t i) {
  const uint64_t at = header_.at_tokens + uint64_t(i) * header_.token_bytes;
  return header_.token_bytes == 2 ? int32_t(tokens_.at<uint16_t>(at)) : int32_t(tokens_.at<uint32_t>(at));
}

void TokenCacheReader::append(int64_t begin, int64_t end, std::vector<int32_t>& ids,
                              std::vector<uint8_t>& word_starts) {
  for (int64_t i = begin; i < end; ++i) {
    ids.push_back(token(i));
    word_starts.push_back(starts_word(i));
  }
}

}  // namespace encore
