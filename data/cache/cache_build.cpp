#include "data/cache/cache_build.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/clock.h"

namespace encore {
namespace {

using Json = nlohmann::json;

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The journal: the hash of its JSON, then the JSON. Without the hash, a flipped bit could pass for a smaller number.
std::string with_hash(const std::string& json) {
  return fmt::format("{:016x}\n{}", hash_bytes(json), json);
}

// null: the journal is missing or damaged.
Json read_journal(const std::string& path) {
  const std::string text = slurp(path);
  if (text.size() < 17 || with_hash(text.substr(17)) != text) return nullptr;
  return Json::parse(text.substr(17), nullptr, false);
}

}  // namespace

std::vector<uint64_t> BitQueue::append(const std::vector<uint64_t>& bits, uint64_t count) {
  std::vector<uint64_t> full;
  full.reserve(bits.size() + 1);
  const unsigned used = unsigned(count_ % 64);
  for (uint64_t left = count, i = 0; left > 0; ++i) {
    const uint64_t n = std::min<uint64_t>(left, 64);
    pending_ |= bits[i] << used;
    if (used + n >= 64) full.push_back(std::exchange(pending_, used == 0 ? 0 : bits[i] >> (64 - used)));
    left -= n;
  }
  count_ += count;
  return full;
}

CacheBuild::CacheBuild(const std::string& cache, const CacheHeader& header, const std::vector<SourceFile>& sources,
                       bool shared, double save_seconds)
    : cache_(cache),
      folder_(cache + ".building"),
      header_(header),
      sources_(source_files_json(sources)),
      shared_(shared),
      save_every_(save_seconds),
      saved_at_(steady_seconds()) {
  if (!shared_) {
    folder_ += "-XXXXXX";
    if (!::mkdtemp(folder_.data())) fail_io("{}: cannot make the folder: {}", folder_, std::strerror(errno));
  }
  if (!shared_ || !resume()) start();
}

CacheBuild::~CacheBuild() {
  std::error_code ignored;
  if (!saved_) std::filesystem::remove_all(folder_, ignored);
  // Bytes after the last saving cannot be used by a later build and would only fill the disk.
  for (int s = 0; saved_ && s < kSections; ++s)
    if (::truncate(path_of(s).c_str(), off_t(saved_sizes_[s])) != 0) continue;
}

std::string CacheBuild::path_of(int section) const {
  static constexpr const char* kNames[kSections] = {"tokens", "words", "lines", "offsets", "hashes"};
  return folder_ + "/" + kNames[section];
}

void CacheBuild::start() {
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
  std::filesystem::create_directory(folder_, error);
  if (error) fail_io("{}: cannot make the folder: {}", folder_, error.message());
  header_.documents = header_.tokens = 0;
  words_ = lines_ = BitQueue();
  sums_ = BlockSums();
  for (int s = 0; s < kSections; ++s)
    files_[s] = std::make_unique<GrowingFile>(path_of(s), s == kTokens ? sizeof header_ : 0);
  files_[kTokens]->append({reinterpret_cast<const char*>(&header_), sizeof header_});
}

bool CacheBuild::resume() {
  const Json journal = read_journal(this->journal());
  if (!journal.is_object()) return false;
  try {
    if (journal.at("version") != kCacheVersion || journal.at("key") != header_.key ||
        journal.at("token_bytes") != header_.token_bytes || journal.at("sources") != sources_)
      return false;
    const Json& sections = journal.at("sections");
    for (int s = 0; s < kSections; ++s) {
      files_[s] = std::make_unique<GrowingFile>(path_of(s), s == kTokens ? sizeof header_ : 0);
      saved_sizes_[s] = sections.at(s).at("bytes");
      const auto seen = [&](std::string_view bytes) {
        if (s == kTokens) sums_.add(bytes);
      };
      if (!files_[s]->resume(saved_sizes_[s], sections.at(s).at("hash"), seen)) return false;
    }
    header_.documents = journal.at("documents");
    header_.tokens = journal.at("tokens");
    words_.restore(journal.at("pending").at(0), header_.tokens);
    lines_.restore(journal.at("pending").at(1), header_.tokens);
  } catch (const Json::exception&) {
    return false;
  }
  return saved_ = true;
}

void CacheBuild::save() {
  if (!shared_) return;
  Json sections = Json::array();
  for (int s = 0; s < kSections; ++s) {
    files_[s]->sync();
    sections.push_back({{"bytes", files_[s]->size()}, {"hash", files_[s]->hash()}});
  }
  const Json journal = {{"version", kCacheVersion},
                        {"key", header_.key},
                        {"token_bytes", header_.token_bytes},
                        {"sources", sources_},
                        {"documents", header_.documents},
                        {"tokens", header_.tokens},
                        {"pending", {words_.pending(), lines_.pending()}},
                        {"sections", sections}};
  write_file_atomic(this->journal(), with_hash(journal.dump()));
  for (int s = 0; s < kSections; ++s) saved_sizes_[s] = files_[s]->size();
  saved_ = true;
  saved_at_ = steady_seconds();
}

void CacheBuild::add(const EncodedDocuments& batch) {
  write_body(batch.tokens);
  files_[kWords]->append(words_.append(batch.words, batch.token_count));
  files_[kLines]->append(lines_.append(batch.lines, batch.token_count));
  std::vector<uint64_t> offsets;
  offsets.reserve(batch.lengths.size());
  for (uint64_t length : batch.lengths) {
    offsets.push_back(header_.tokens);
    header_.tokens += length;
  }
  files_[kOffsets]->append(offsets);
  files_[kHashes]->append(batch.hashes);
  header_.documents += batch.lengths.size();
  if (seconds_since(saved_at_) >= save_every_) save();
}

void CacheBuild::write_body(std::string_view bytes) {
  sums_.add(bytes);
  files_[kTokens]->append(bytes);
}

void CacheBuild::publish(const std::vector<SourceFile>& sources) {
  // A failure from here on costs no more than the copying below.
  save();
  GrowingFile& out = *files_[kTokens];
  const auto write = [this](std::string_view bytes) { write_body(bytes); };
  const auto write_word = [&](uint64_t word) { write({reinterpret_cast<const char*>(&word), sizeof word}); };
  const auto begin_section = [&](uint64_t& at) {
    write(std::string_view("\0\0\0\0\0\0\0", (8 - out.size() % 8) % 8));
    at = out.size();
  };
  header_.at_tokens = sizeof header_;
  begin_section(header_.at_words);
  files_[kWords]->read_back(write);
  if (header_.tokens % 64 != 0) write_word(words_.pending());
  begin_section(header_.at_lines);
  files_[kLines]->read_back(write);
  if (header_.tokens % 64 != 0) write_word(lines_.pending());
  begin_section(header_.at_offsets);
  files_[kOffsets]->read_back(write);
  write_word(header_.tokens);
  begin_section(header_.at_hashes);
  files_[kHashes]->read_back(write);
  begin_section(header_.at_files);
  std::string json = source_files_json(sources);
  json.resize((json.size() + 7) / 8 * 8, ' ');
  write(json);
  header_.at_sums = out.size();
  const std::vector<uint64_t>& sums = sums_.finish();
  out.append(sums);
  header_.file_size = out.size();
  header_.sums_checksum = hash_bytes({reinterpret_cast<const char*>(sums.data()), sums.size() * sizeof(uint64_t)});
  seal(header_);
  out.write_at(0, {reinterpret_cast<const char*>(&header_), sizeof header_});
  out.sync();
  publish_file(out.path(), cache_);
  saved_ = false;
}

}  // namespace encore
