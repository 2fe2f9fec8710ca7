// Rows to classify or to embed, tokenized a block at a time: memory does not grow with their number, and the results of
// a block can go out before the next one is read.
#pragma once

#include <memory>
#include <string>

#include "data/sequences/labelled.h"
#include "data/tokenizer/tokenizer.h"

namespace encore {

class RowBlocks {
 public:
  struct Options {
    std::string path;  // as for read_labelled, but no stream: the rows are read twice if one block does not hold them
    LabelledOptions fields;
    LabelMap labels;
    int64_t max_length = 512;  // tokens of an input, specials counted
    // Of a batch. A block holds the rows of about 16 batches, so that several ranks share them; how rows fall into
    // blocks and batches, and with it every bit of the results, does not depend on the number of ranks.
    int64_t tokens_per_batch = 8192;
    int threads = 0;
  };
  // Reads all rows once, so that a faulty one is refused before anything is computed. Throws Error as read_labelled
  // does. The tokenizer must outlive the blocks.
  RowBlocks(Options, const Tokenizer&);

  int64_t total() const { return total_; }            // rows
  int64_t text_bytes() const { return text_bytes_; }  // of all rows: no less than their tokens without specials
  // Host memory while a block is read and tokenized, of the blocks that are not read yet.
  size_t reading_bytes() const;
  bool whole() const { return whole_; }                      // the first block holds all rows
  const ClassificationSet& first() const { return first_; }  // REQUIRES that next() has not been called
  int64_t max_length() const { return options_.max_length; }

  // The next block, from the first one on; false after the last. Throws Error when the file has changed.
  bool next(ClassificationSet&);
  // "3 of 20 rows were cut to 512 tokens", of the blocks given so far; "" if none was cut.
  std::string cut_note() const;

 private:
  ClassificationSet read_block(int64_t& bytes);

  Options options_;
  const Tokenizer& tokenizer_;
  std::unique_ptr<LabelledReader> reader_;
  ClassificationSet first_;
  bool whole_ = false;
  int64_t total_ = 0, text_bytes_ = 0, longest_ = 0, given_ = 0, cut_ = 0;
};

}  // namespace encore
