// The texts that a selection chooses from: the passages of a domain's files, which are read as often as they are
// needed, since they may be larger than the memory. Passages are numbered from 0 in the order of the files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/readers/source_files.h"
#include "data/select/corpus.h"
#include "data/select/sentences.h"

namespace encore {

// A passage that was looked up.
struct DomainPassage {
  std::string text;
  size_t file = 0;  // index into DomainText::paths()
  int64_t line = 0, sentence = 0;
};

class DomainText {
 public:
  // Reads all of it once. Throws Error as CorpusReader does, and where no passage holds anything but white space.
  DomainText(std::vector<std::string> paths, const CorpusOptions&, Passages::Unit, const ReadProgress& = {});

  const std::vector<std::string>& paths() const { return paths_; }
  Passages::Unit unit() const { return unit_; }
  int64_t passages() const { return passages_; }
  int64_t documents() const { return documents_; }
  int64_t text_bytes() const { return text_bytes_; }     // of the passages
  uint64_t fingerprint() const { return fingerprint_; }  // XXH64 of all passages

  // All passages from number `first` on. Throws Error where the files have changed since they were first read.
  TextSource source(int64_t first = 0) const;
  // These passages; ids rise.
  std::vector<DomainPassage> find(const std::vector<int64_t>& ids) const;

 private:
  std::vector<std::string> paths_;
  CorpusOptions options_;
  Passages::Unit unit_;
  std::vector<SourceFile> files_;  // as they were
  int64_t passages_ = 0, documents_ = 0, text_bytes_ = 0;
  uint64_t fingerprint_ = 0;
};

// Throws Error where a file of one list is in another one too, also by another name or a link. names: of the lists, as
// a message calls them ("--task").
struct NamedFiles {
  std::string name;
  std::vector<std::string> paths;
};
void check_files_apart(const std::vector<NamedFiles>&);

}  // namespace encore
