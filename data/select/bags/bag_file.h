// The counts of a corpus, text by text, in one file that is mapped: a corpus may be larger than the memory.
//
// The file lies in the cache folder. Its name is the hash of paths, unit of text, reader options and vocabulary, with
// ".bags". It is used while each source file has the path, size, time and inode that it had when the counts were made
// and its checksum holds; otherwise it is made again, and replaces the old one by rename.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/select/bags/bag_vocabulary.h"
#include "data/select/bags/sparse_rows.h"
#include "data/select/corpus.h"
#include "kernels/base/mapped_file.h"

namespace encore {

struct BagFileOptions {
  std::vector<std::string> paths;  // as resolve_files gives them
  std::string reading;             // of the reader's options and the unit of text: what else decides the texts
  // A new reading of the texts from the first one on.
  std::function<TextSource()> open;
  std::string dir;  // where caches lie; empty: $ENCORE_CACHE, else ~/.cache/encore
  int threads = 0;  // that count; 0: one for each core
  // Called while the file is made. True: nothing is left of it, and Error with exit code 75 is thrown.
  std::function<bool()> stop;
};

class BagFile {
 public:
  // Opens the file, or makes it: all threads count, and 16 bytes a text are in memory. Throws Error as the source does,
  // and for files that change while they are read; IoError when the file cannot be written.
  static std::shared_ptr<const BagFile> open(const BagFileOptions&, const BagVocabulary&);
  BagFile(const BagFile&) = delete;
  BagFile& operator=(const BagFile&) = delete;

  int64_t texts() const { return texts_; }
  int32_t columns() const { return columns_; }
  const std::string& path() const { return path_; }
  bool reused() const { return reused_; }

  // Appends the counts of a text. Any thread may call it.
  void append(int64_t text, SparseRows& rows) const;
  // XXH64 of the text itself.
  uint64_t hash(int64_t text) const { return hashes_[text]; }
  int64_t values(int64_t text) const { return int64_t(starts_[text + 1] - starts_[text]); }
  // Throws IoError if the file was cut, or could not be read, since it was opened: rows taken since may be zeros.
  void check_whole() const { file_->check_whole(); }
  // Depends on the texts, their order and the vocabulary.
  uint64_t fingerprint() const;

 private:
  struct Entry {
    int32_t column;
    float value;
  };
  BagFile() = default;
  // "" if the file is usable, else the reason why it is not.
  std::string load(const std::string& path, uint64_t key, const BagFileOptions&, const BagVocabulary&);
  static void write(const std::string& path, uint64_t key, const BagFileOptions&, const BagVocabulary&);
  bool rows_are_sound() const;

  std::string path_;
  std::optional<MappedFile> file_;
  const Entry* entries_ = nullptr;
  const uint64_t *starts_ = nullptr, *hashes_ = nullptr;  // [texts + 1], [texts]
  int64_t texts_ = 0;
  int32_t columns_ = 0;
  bool reused_ = false;
};

}  // namespace encore
