// Documents of a corpus, file by file, in bounded memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/readers/row_reader.h"

namespace encore {

struct CorpusOptions {
  std::vector<std::string> files;     // paths and globs; "-" is standard input (copied to the cache folder)
  std::string text_field = "text";    // jsonl key, csv/tsv column name
  bool blank_line_documents = false;  // txt: documents end at a blank line (default: each line is one)
  bool quote_none = false;            // csv, tsv: quotes are ordinary characters
};

// Paths and globs as plain paths: in the order given, the matches of a glob sorted by bytes. A name that exists is
// no glob, even with a "*" in it. "-" and pipes are copied to cache_folder(cache_dir) under a name made from their
// content, so that the same input gives the same file; their first bytes tell whether they are packed, and jsonl or
// txt; or csv or tsv, if the first line names the column `column` (empty: not looked for). Throws Error for no files, a
// missing file, a glob without a match, a file given twice, an unknown ending, a folder.
std::vector<std::string> resolve_files(const std::vector<std::string>& patterns, const std::string& cache_dir,
                                       const std::string& column = "");

// Whether a name stands for input that can be read once and has no ending: "-", a pipe, /dev/stdin, /dev/fd/3.
bool is_stream(const std::string& name);

struct FileTotals {
  int64_t documents = 0;
  int64_t text_bytes = 0;  // of the documents
  uint64_t hash = 0;       // XXH64 of the file as it lies on the disk
};

class CorpusReader {
 public:
  // paths: as resolve_files gives them. Files are opened one after the other.
  CorpusReader(std::vector<std::string> paths, const CorpusOptions&);

  // The next document, which may be empty; false at the end of the last file. Throws Error naming file and line: no
  // such field (with the keys that there are), a text that is no string, not UTF-8, a damaged or truncated archive, a
  // file without documents.
  bool next(std::string& text);
  size_t file() const { return file_; }           // index of the file that next() read last
  int64_t line() const { return rows_->line(); }  // first line of that document
  const std::string& path() const { return paths_[file_]; }
  const std::vector<FileTotals>& totals() const { return totals_; }  // by file; complete once the next file is open
  // Bytes of the files, as they lie on the disk, that have been read so far.
  uint64_t bytes_read() const { return bytes_before_ + (rows_ ? rows_->stream().file_bytes() : 0); }

 private:
  bool open_next();

  std::vector<std::string> paths_;
  CorpusOptions options_;
  std::unique_ptr<RowReader> rows_;
  std::vector<Field> row_;
  std::vector<FileTotals> totals_;
  size_t file_ = 0, opened_ = 0;
  uint64_t bytes_before_ = 0;  // of the files that were read to their end
};

}  // namespace encore
