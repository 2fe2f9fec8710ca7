// Counts of a corpus: how many documents and tokens went where.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace encore {

// tokens_in == tokens_train + tokens_held_out + tokens_truncated, exactly, and documents_in == documents_train +
// documents_held_out + documents_empty.
struct Ledger {
  struct File {
    std::string path;
    int64_t documents = 0, bytes = 0;  // bytes: of the documents' text, unpacked
  };
  std::vector<File> files;
  int64_t documents_in = 0, documents_train = 0, documents_held_out = 0, documents_empty = 0;
  int64_t tokens_in = 0;  // without special tokens
  int64_t tokens_train = 0, tokens_held_out = 0;
  int64_t tokens_truncated = 0;  // dropped by SequenceMode::kTruncate
  int64_t tokens_repeated = 0;   // seen a second time in the overlap of kSplit (not part of the sum)
  int64_t specials_added = 0;    // special tokens around the texts (not part of the sum)
  int64_t sequences_train = 0, examples_train = 0, sequences_held_out = 0, examples_held_out = 0;
  bool from_cache = false;
  int64_t documents_continued = 0;  // of documents_in: tokenized by an earlier start that was stopped

  bool adds_up() const;
  std::string str() const;  // the table that programs print
};

}  // namespace encore
