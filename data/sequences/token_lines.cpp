#include "data/sequences/token_lines.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <optional>

#include "kernels/base/check.h"
#include "kernels/base/thread_team.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

constexpr int32_t kReadyIds = 1 << 17;  // greater ids are formatted one by one

// One pass over the documents: threads take turns at reading a piece, and encode their pieces in parallel.
class Pass {
 public:
  Pass(CorpusReader& reader, const Tokenizer& tokenizer, const IdListWriter& writer, const TokenLinesOptions& options,
       const std::function<bool(std::string&&)>& take)
      : reader_(reader), tokenizer_(tokenizer), writer_(writer), options_(options), take_(take) {
    if (options.special) around_ = tokenizer.specials().single;
  }

  // Runs until the corpus ends or `take` returns false. `take` still gets the pieces that were read before that.
  // Returns true if the corpus has ended.
  bool run() {
    threads_ = loop_threads(options_.threads);
    run_on_team(threads_, [this] { work(); });
    if (error_) std::rethrow_exception(error_);
    return ended_;
  }

  int64_t documents() const { return documents_; }

 private:
  void work() {
    std::vector<std::string> texts;
    std::vector<int32_t> ids;
    try {
      for (size_t piece; read(texts, piece);) {
        std::string lines;
        size_t bytes = 0;
        for (const std::string& text : texts) bytes += text.size() + 16;
        lines.reserve(2 * bytes);  // most texts need less; pages that are not written take no memory
        for (const std::string& text : texts) {
          ids.clear();
          tokenizer_.encode(text, ids);
          writer_.append(around_.before, ids, around_.after, lines);
        }
        give(piece, std::move(lines));
      }
    } catch (...) {
      stop_at_error();
    }
  }

  void stop_at_error() {
    const std::lock_guard lock(output_);
    if (!error_) error_ = std::current_exception();
    stop_ = true;
    given_.notify_all();
  }

  bool read(std::vector<std::string>& texts, size_t& piece) {
    const std::lock_guard reading(input_);
    {
      // Threads must not run far ahead of a slow one, or the lines that wait for it fill the memory.
      std::unique_lock lock(output_);
      given_.wait(lock, [this] { return stop_ || pieces_read_ < pieces_given_ + 4 * size_t(threads_); });
      if (stop_ || ended_) return false;
    }
    texts.clear();
    std::string text;
    size_t bytes = 0;
    bool more = true;
    try {
      while (bytes < options_.piece_bytes && (more = reader_.next(text))) {
        bytes += text.size() + 1;
        texts.push_back(std::move(text));
      }
    } catch (...) {
      // While the lock on input_ is held: a reader must not be called again after its first error.
      stop_at_error();
      throw;
    }
    documents_ += int64_t(texts.size());
    const std::lock_guard lock(output_);
    ended_ = !more;
    piece = pieces_read_++;
    return true;
  }

  void give(size_t piece, std::string&& lines) {
    const std::lock_guard lock(output_);
    waiting_.emplace(piece, std::move(lines));
    while (!waiting_.empty() && waiting_.begin()->first == pieces_given_) {
      auto next = waiting_.extract(waiting_.begin());
      stop_ |= !take_(std::move(next.mapped()));
      ++pieces_given_;
    }
    given_.notify_all();
  }

  CorpusReader& reader_;
  const Tokenizer& tokenizer_;
  const IdListWriter& writer_;
  const TokenLinesOptions& options_;
  const std::function<bool(std::string&&)>& take_;
  SpecialsTemplate::Single around_;  // empty: none are written
  int threads_ = 1;

  std::mutex input_;  // guards the reader and documents_
  int64_t documents_ = 0;

  std::mutex output_;  // guards all below; taken after input_
  std::condition_variable given_;
  std::map<size_t, std::string> waiting_;  // finished before an earlier piece
  size_t pieces_read_ = 0, pieces_given_ = 0;
  bool ended_ = false, stop_ = false;
  std::exception_ptr error_;
};

}  // namespace

IdListWriter::IdListWriter(int32_t vocab_size) : decimals_(size_t(std::clamp(vocab_size, 0, kReadyIds))) {
  for (size_t id = 0; id < decimals_.size(); ++id) {
    Decimal& d = decimals_[id];
    d.text[0] = ',', d.text[1] = ' ';
    d.size = uint8_t(std::to_chars(d.text + 2, d.text + sizeof d.text, id).ptr - d.text);
  }
}

inline char* IdListWriter::put(int32_t id, char* out) const {
  if (size_t(uint32_t(id)) < decimals_.size()) {
    const Decimal& d = decimals_[size_t(id)];
    std::memcpy(out, &d, sizeof d);  // fixed size; the next id overwrites what is past the text
    return out + d.size;
  }
  *out++ = ',', *out++ = ' ';
  return std::to_chars(out, out + 11, id).ptr;
}

void IdListWriter::append(std::span<const int32_t> before, std::span<const int32_t> ids, std::span<const int32_t> after,
                          std::string& out) const {
  constexpr size_t kRoom = 16384, kMostOfAnId = 16;
  char buffer[kRoom + 4 * kMostOfAnId];
  const char* from = buffer + 1;  // the first id's ", " becomes " ["
  char* at = buffer;
  const auto flush = [&] {
    if (from != buffer) {
      buffer[1] = '[';
      at = std::max(at, buffer + 2);
    }
    out.append(from, size_t(at - from));
    from = at = buffer;
  };
  for (const std::span<const int32_t> part : {before, ids, after})
    for (const int32_t id : part) {
      at = put(id, at);
      if (at >= buffer + kRoom) flush();
    }
  flush();
  out += "]\n";
}

int64_t print_token_lines(const std::vector<std::string>& files, const CorpusOptions& corpus,
                          const Tokenizer& tokenizer, const TokenLinesOptions& options,
                          const std::function<void(std::string_view)>& sink) {
  const IdListWriter writer(tokenizer.vocab_size());
  std::optional<CorpusReader> reader(std::in_place, files, corpus);
  std::vector<std::string> held;
  size_t held_bytes = 0;
  const std::function<bool(std::string &&)> hold = [&](std::string&& lines) {
    held_bytes += lines.size();
    held.push_back(std::move(lines));
    return held_bytes < options.held_bytes;
  };
  Pass first(*reader, tokenizer, writer, options, hold);
  const bool whole = first.run();
  std::string text;
  if (!whole)
    while (reader->next(text)) {
    }
  for (const std::string& lines : held) sink(lines);
  held.clear();
  if (whole) return first.documents();

  reader.emplace(files, corpus);
  for (int64_t d = 0; d < first.documents() && reader->next(text); ++d) {
  }
  const std::function<bool(std::string &&)> pass_on = [&](std::string&& lines) {
    sink(lines);
    return true;
  };
  Pass second(*reader, tokenizer, writer, options, pass_on);
  second.run();
  return first.documents() + second.documents();
}

}  // namespace encore
