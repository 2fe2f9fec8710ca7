// Unlabelled text as training sequences: files -> documents -> token cache -> sequences -> batches.
//
// Vocabulary of this folder
//   document   one text of the corpus (a line, a jsonl row, ...)
//   sequence   what attends to itself: <s> tokens of one document </s>, at most seq_length tokens with the specials.
//              (with cross_document_attention: pieces of several documents in one, separated by </s>.)
//   example    one row of a batch: one sequence, or in mode `full` as many sequences as fill seq_length tokens.
// Sequences and examples are numbered 0.. in corpus order; both numberings are functions of the corpus, the tokenizer
// and the options alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/sequences/masking.h"
#include "kernels/base/packed_batch.h"

namespace encore {

class Tokenizer;

enum class SequenceMode {
  kTruncate,  // the first seq_length tokens of each document; the rest is dropped and counted
  kSplit,     // windows of seq_length tokens, each overlapping the one before it by `stride` tokens
  kPack,      // whole lines of a document filled up to seq_length; a longer line is cut
  kFull,      // as kSplit without overlap, and short pieces of neighbouring documents share an example
};

struct CorpusOptions {
  std::vector<std::string> files;     // paths and globs; "-" is standard input (spooled to the cache folder)
  std::string text_field = "text";    // jsonl key, csv/tsv column name
  bool blank_line_documents = false;  // txt: documents end at a blank line (default: each line is one)
};

struct DatasetOptions {
  CorpusOptions corpus;
  SequenceMode mode = SequenceMode::kFull;
  int64_t seq_length = 512;               // with specials
  int64_t stride = 0;                     // overlap of kSplit, < seq_length - 2
  bool cross_document_attention = false;  // kFull only
  double held_out = 0;                    // share of documents kept out of training, chosen by hash of their text
  std::string cache_dir;                  // where token caches lie; empty: $ENCORE_CACHE, else ~/.cache/encore
  bool verify_cache = false;              // rehash the files instead of trusting path, size, time and inode
  int threads = 0;
  // Told what takes long for a reason that nobody sees: another process builds the same cache.
  std::function<void(const std::string&)> say;
  // Asked while a cache is built. True: what has been done is saved and Error with exit code 75 is thrown.
  std::function<bool()> stop;
  double cache_save_seconds = 1;  // while a cache is built: between two moments that a killed build goes on from
  // Caches up to this size are compared with their checksums at every start (a quarter of a second at worst), larger
  // ones a block at a time when it is first used.
  uint64_t cache_checked_bytes = uint64_t(256) << 20;
};

// Where every token went. tokens_in == tokens_train + tokens_held_out + tokens_truncated, exactly, and documents_in ==
// documents_train + documents_held_out + documents_empty.
struct Ledger {
  struct File {
    std::string path;
    int64_t documents = 0, bytes = 0;  // bytes: of the documents' text, unpacked
  };
  std::vector<File> files;
  int64_t documents_in = 0, documents_train = 0, documents_held_out = 0, documents_empty = 0;
  int64_t tokens_in = 0;  // without specials
  int64_t tokens_train = 0, tokens_held_out = 0;
  int64_t tokens_truncated = 0;  // dropped by kTruncate
  int64_t tokens_repeated = 0;   // seen again through the overlap of kSplit (not part of the sum)
  int64_t specials_added = 0;    // <s> and </s> (not part of the sum)
  int64_t sequences_train = 0, examples_train = 0, sequences_held_out = 0, examples_held_out = 0;
  bool from_cache = false;
  int64_t documents_continued = 0;  // of documents_in: tokenized by an earlier start that was stopped
  bool adds_up() const;
  std::string str() const;  // the table that programs print
};

// One side of a corpus: all sequences to train on, or the held-out ones.
class SequenceSet {
 public:
  virtual ~SequenceSet() = default;
  virtual int64_t examples() const = 0;
  virtual int64_t sequences() const = 0;
  virtual int64_t seq_length() const = 0;
  // Tokens of one example, specials included.
  virtual int64_t example_tokens(int64_t example) const = 0;
  virtual int64_t example_sequences(int64_t example) const = 0;
  // Appends an example to the batch with dynamic masks: input ids, cu_seqlens, example keys
  // (example_key(epoch, sequence number)), targets. finish() is the caller's.
  virtual void append(int64_t example, uint64_t epoch, const Masker&, PackedBatch&) const = 0;
  // Global number of the document that a sequence starts in, for messages and per-document losses.
  virtual int64_t document_of(int64_t sequence) const = 0;
  virtual int64_t first_sequence(int64_t example) const = 0;
};

class Dataset {
 public:
  // Reads (or builds) the token cache and lays out the sequences. Throws Error naming file and line or key: a missing
  // or empty file, text that is not UTF-8, a row without the text field, a truncated archive, seq_length out of range.
  static Dataset open(const DatasetOptions&, const Tokenizer&);

  const Ledger& ledger() const { return ledger_; }
  std::shared_ptr<const SequenceSet> train() const { return train_; }
  std::shared_ptr<const SequenceSet> held_out() const { return held_out_; }  // empty set when held_out == 0
  uint64_t fingerprint() const { return fingerprint_; }  // of corpus, tokenizer and options: a resumed run checks it

 private:
  Ledger ledger_;
  std::shared_ptr<const SequenceSet> train_, held_out_;
  uint64_t fingerprint_ = 0;
};

}  // namespace encore
