// Vectors of a corpus in a mapped file, made once: block by block, so that a corpus may be larger than the memory, and
// gone on with where the process that made it was killed.
//
// The file begins with 64 bytes: "ENCVECT1", then five numbers of 8 bytes (fingerprint, rows, columns, rows done, XXH64
// of all rows), then zeros; rows of float32 follow. While it is being made it is named PATH.part, and "rows done"
// counts the rows that are on the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/select/near/vector_search.h"
#include "kernels/base/mapped_file.h"

namespace encore {

struct VectorFileOptions {
  std::string path;
  // Of all that the vectors depend on: the texts, how they are embedded, with which options.
  uint64_t fingerprint = 0;
  int64_t rows = 0, columns = 0;
  // Replaces `block` by the next rows, [rows of the block, columns]; the first call of a process asks for those from
  // row `first` on. Not empty before the last row.
  std::function<void(int64_t first, std::vector<float>& block)> make;
  // Called after each block, which is on the disk then. It may throw: what has been made stays for the next process.
  std::function<void(int64_t rows_done)> progress;
};

class VectorFile {
 public:
  // Opens the file, or makes it. A file of another fingerprint, or a damaged one, is replaced, and history() says so.
  // Throws IoError when it cannot be written, and Error while another process makes it.
  explicit VectorFile(const VectorFileOptions&);

  VectorSearch::Vectors rows() const;
  // "" for a file that was made here from its first row; else one line: what there was before, and what became of it.
  const std::string& history() const { return history_; }
  bool reused() const { return reused_; }
  // Throws IoError if the file was cut since it was opened.
  void check_whole() const { file_->check_whole(); }

 private:
  void make(const VectorFileOptions&);

  std::unique_ptr<MappedFile> file_;
  int64_t rows_ = 0, columns_ = 0;
  std::string history_;
  bool reused_ = false;
};

// Rows of a .npy file, mapped: two dimensions of float32 ("<f4") in C's order. Throws Error naming the file and what is
// wrong: no .npy file, another type, order or number of dimensions, a size that does not fit.
class NpyRows {
 public:
  explicit NpyRows(const std::string& path);
  VectorSearch::Vectors rows() const { return rows_; }

 private:
  std::unique_ptr<MappedFile> file_;
  VectorSearch::Vectors rows_;
};

}  // namespace encore
