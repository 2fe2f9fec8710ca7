// Documents cut into sentences, by rules and lists alone: nothing is learned, so the same text always gives the same
// sentences. English first; docs/select.md lists the rules.
//
// A sentence ends
//   at a blank line, and at the end of the document;
//   after a run of . ! ? or "…", with the quotes and brackets that close behind it, where white space follows, unless
//     - the next word begins with a small letter; but a word such as "mRNA" or "p53", with a capital letter or a digit
//       in it, may begin a sentence;
//     - the run is one full stop behind an abbreviation that stands before something else ("Dr.", "Fig.", "e.g."), or
//       behind a number that the sentence begins with ("2. Methods");
//     - the run is one full stop behind an initial ("J."), an abbreviation of letters with full stops between them
//       ("U.S."), or one that may end a sentence ("et al.", "etc.", "Inc."), and the next word is not one that
//       sentences often begin with ("The", "We", "However");
//     - what stands before it is the start of the sentence alone: "...", "?";
//   after "。", "！", "？" and the quotes and brackets that close behind them, with or without white space.
// One line end is white space like any other, since text is often broken into lines. A decimal ("0.5") and a name
// ("node.js") have no white space behind the full stop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/select/corpus.h"

namespace encore {

// The bytes [begin, end) of a text.
struct TextRange {
  size_t begin = 0, end = 0;

  std::string_view of(std::string_view text) const { return text.substr(begin, end - begin); }
};

// The sentences of a text, in order: none is empty or has white space at its ends, and together they hold everything
// but white space. text: UTF-8.
std::vector<TextRange> sentences_of(std::string_view text);

// The documents of a corpus, or the sentences of these, one at a time: no more than a document is in memory.
class Passages {
 public:
  enum class Unit { kDocument, kSentence };

  Passages(const std::vector<std::string>& paths, const CorpusOptions&, Unit);

  // The next passage; false at the end. A document is given as it stands, also an empty one; a document without
  // anything but white space has no sentence. Throws Error as CorpusReader does.
  bool next(std::string& text);

  // Where the passage that next() gave last stands.
  size_t file() const { return reader_.file(); }           // index of its file
  int64_t line() const { return reader_.line(); }          // first line of its document
  int64_t document() const { return documents_ - 1; }      // number of its document in the corpus, from 0
  int64_t sentence() const { return int64_t(next_) - 1; }  // number within the document, from 0; of documents 0

  int64_t documents() const { return documents_; }  // read so far
  // Bytes of the files that have been read so far.
  int64_t bytes_read() const { return int64_t(reader_.bytes_read()); }

 private:
  CorpusReader reader_;
  Unit unit_;
  std::string document_;
  std::vector<TextRange> sentences_;  // of document_
  size_t next_ = 0;
  int64_t documents_ = 0;
};

// "sentences" or "documents"
std::string unit_name(Passages::Unit);

}  // namespace encore
