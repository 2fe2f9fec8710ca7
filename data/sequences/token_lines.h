// The token ids of a corpus as text: a JSON list a line for each document, "[0, 31414, 232, 2]".
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/readers/corpus_reader.h"
#include "data/tokenizer/tokenizer.h"

namespace encore {

// Writes lists of ids from a table of decimals, about ten times as fast as formatting each id.
class IdListWriter {
 public:
  explicit IdListWriter(int32_t vocab_size);  // ids in [0, vocab_size)

  // Appends the three parts as one list, "[0, 31414, 2]\n".
  void append(std::span<const int32_t> before, std::span<const int32_t> ids, std::span<const int32_t> after,
              std::string& out) const;

 private:
  struct alignas(16) Decimal {
    char text[15];  // ", 31414"
    uint8_t size;
  };
  char* put(int32_t id, char* out) const;

  std::vector<Decimal> decimals_;
};

struct TokenLinesOptions {
  bool special = true;                    // the template's special tokens around each document
  int threads = 0;                        // 0: all of OpenMP's
  size_t held_bytes = size_t(256) << 20;  // text held back while the corpus is not read to its end
  size_t piece_bytes = size_t(1) << 17;   // documents that a thread takes at a time
};

// Gives the lines to `sink` in order, many at a time, from one thread at a time. Returns the number of documents.
// `sink` gets nothing before every document has been read without an error. Where the lines take more than held_bytes,
// the corpus is read twice: once to its end, and again from the first line that was not held. Throws the errors of
// CorpusReader and `sink`, and Error where options.special is set and the tokenizer's template is empty.
int64_t print_token_lines(const std::vector<std::string>& files, const CorpusOptions&, const Tokenizer&,
                          const TokenLinesOptions&, const std::function<void(std::string_view)>& sink);

}  // namespace encore
