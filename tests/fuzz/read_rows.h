// A text file read as corpus and as labelled rows.
#pragma once

#include "data/readers/corpus_reader.h"
#include "data/sequences/labelled.h"
#include "kernels/base/utf8.h"
#include "tests/fuzz/fuzz_input.h"

namespace encore::fuzz {

inline void read_corpus(const std::string& path, bool blank_line_documents = false) {
  read_or_refuse([&] {
    CorpusOptions options;
    options.blank_line_documents = blank_line_documents;
    CorpusReader reader({path}, options);
    std::string text;
    int64_t documents = 0;
    while (reader.next(text)) {
      must(valid_utf8(text), "documents are UTF-8");
      ++documents;
    }
    must(documents > 0 && documents == reader.totals()[0].documents, "documents are counted");
  });
}

inline void read_rows(const std::string& path) {
  read_or_refuse([&] {
    LabelledOptions options;
    options.text_pair_field = "pair";
    read_labelled(path, options);
  });
  read_or_refuse([&] {
    const std::vector<LabelledRow> rows = read_labelled(path, {});
    must(!rows.empty(), "a file that is read has rows");
    LabelMap::from_rows(rows);
  });
}

}  // namespace encore::fuzz
