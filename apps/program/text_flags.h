// The flags that name text: a corpus of documents, or rows to classify.
#pragma once

#include "apps/program/cli.h"
#include "data/sequences/dataset.h"
#include "data/sequences/labelled.h"
#include "data/sequences/masking.h"
#include "optim/communicator.h"
#include "train/row_blocks.h"

namespace encore {

// Declares the list flag that names the files of a corpus. purpose: "to train on".
Cli::Flag add_corpus_files(Cli&, const char* group, const char* name, const std::string& purpose);
// Declares the flag that names a file of rows. purpose: "labelled rows".
Cli::Flag add_row_file(Cli&, const char* group, const char* name, const std::string& purpose);
// Declares --text-field and --blank-line-documents.
void add_corpus_flags(Cli&, const char* group);
// The values of these, without files.
CorpusOptions corpus_reading(const Cli&);
// files: the name of the list flag. Throws Error when it is empty.
CorpusOptions corpus_options(const Cli&, const std::string& files);

// Declares --cache-dir.
Cli::Flag add_cache_flag(Cli&, const char* group);
// Declares --seq-length, --mlm-probability and --masking.
void add_masking_flags(Cli&, const char* length_group, const char* group);
// The value of --masking.
MaskUnit mask_unit(const Cli&);
// Declares --eval-tokens.
void add_eval_tokens_flag(Cli&, const char* group, int64_t default_value);

struct RowFields {
  bool pair = false, label = false;
};
// Declares --text-field, of the RowFields --text-pair-field and --label-field, and --seq-length.
void add_row_flags(Cli&, const char* group, RowFields);
// A field is empty where the program does not declare its flag.
LabelledOptions row_options(const Cli&);
// The file of rows that a flag names, to be read by every rank; "" where it is not given. Standard input and pipes are
// copied to a file first, by rank 0.
std::string rows_path(const Cli&, const std::string& flag, Communicator&);
// On standard error of rank 0: how many rows were longer than --seq-length, if any were.
void say_what_was_cut(const RowBlocks&, const Communicator&);

}  // namespace encore
