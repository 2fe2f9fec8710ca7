// A named list of files, and its documents.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/readers/corpus_reader.h"

namespace encore {

struct NamedCorpus {
  std::string name;
  std::vector<std::string> paths;  // as resolve_files gives them
};

// From "NAME=FILE[,FILE...]", or "FILE", which is named by its file name up to the first dot. A text that is the name
// of a file is one, whatever it holds. Files may be globs. Throws Error for no or fewer than two corpora, a name that
// is empty, is no one line of UTF-8 or stands for two corpora, a file in two corpora (also by another name or a link),
// and the errors of resolve_files.
std::vector<NamedCorpus> parse_corpora(const std::vector<std::string>& texts);

// The documents of a corpus, or `wanted` of them spread evenly: of n, number i is floor(i n / wanted).
class Documents {
 public:
  // total: the documents of the corpus, needed with wanted. Without `wanted`, or with wanted >= total, all are given.
  Documents(const std::vector<std::string>& paths, const CorpusOptions&, std::optional<int64_t> wanted = {},
            int64_t total = 0);
  // The next document; false at the end. Throws Error as CorpusReader does.
  bool next(std::string& text);
  // Bytes of the files that were read since the last call.
  int64_t bytes_since() {
    const int64_t now = int64_t(reader_.bytes_read());
    return now - std::exchange(bytes_told_, now);
  }

 private:
  CorpusReader reader_;
  int64_t wanted_, total_;  // wanted_ < 0: all
  int64_t given_ = 0, read_ = 0, bytes_told_ = 0;
};

// Gives the next text; false at the end. Called by one thread at a time.
using TextSource = std::function<bool(std::string& text)>;

// The next texts of a source: up to `most` of them, and no more once they take `bytes`. Empty at the end.
std::vector<std::string> next_texts(const TextSource&, int64_t most, size_t bytes = std::numeric_limits<size_t>::max());

// Gets the bytes of files that were read since its last call, every now and then.
using ReadProgress = std::function<void(int64_t bytes)>;

// By reading all of it.
int64_t count_documents(const std::vector<std::string>& paths, const CorpusOptions&, const ReadProgress& = {});

}  // namespace encore
