// The files of a corpus as they are now, so that what was made from them can tell whether they have changed since.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/readers/corpus_reader.h"

namespace encore {

struct SourceFile {
  std::string path;
  uint64_t size = 0, inode = 0, hash = 0;
  int64_t mtime_ns = 0, documents = 0, text_bytes = 0;

  // True if size, time and inode are the same.
  bool untouched(const SourceFile& other) const {
    return size == other.size && mtime_ns == other.mtime_ns && inode == other.inode;
  }
};

// Path, size, time and inode of each file as they are now; hash and counts are 0.
std::vector<SourceFile> stat_files(const std::vector<std::string>& paths);
// Throws Error when a file has changed since it was looked at.
void check_untouched(const std::vector<SourceFile>& before);
// The files that a reader has read to their end, with hashes and counts. before: stat_files() of when it began. Throws
// Error when a file has changed since.
std::vector<SourceFile> files_read(const std::vector<SourceFile>& before, const std::vector<FileTotals>& totals);

std::string source_files_json(const std::vector<SourceFile>&);
// Throws nlohmann::json::exception.
std::vector<SourceFile> parse_source_files(std::string_view json);

}  // namespace encore
