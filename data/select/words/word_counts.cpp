#include "data/select/words/word_counts.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include "data/select/words/word_table.h"
#include "kernels/base/thread_team.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

static_assert(WordCutter::kReadable >= WordTable::kReadable);

// Threads take turns at reading a piece, and count the words of their pieces in tables of their own.
class CountingTeam {
 public:
  // piece_read: called after each piece.
  CountingTeam(const TextSource& next, const std::function<void()>& piece_read, const CountOptions& options)
      : next_(next), piece_read_(piece_read), options_(options), tables_(size_t(loop_threads(options.threads))) {}

  // The counts of all threads.
  const WordTable& run() {
    std::atomic<size_t> next{0};
    run_on_team(int(tables_.size()), [&] { work(tables_[next++]); });
    if (error_) std::rethrow_exception(error_);
    for (size_t t = 1; t < tables_.size(); ++t) {
      tables_[0].add(tables_[t]);
      tables_[t] = WordTable();
    }
    return tables_[0];
  }
  int64_t documents_read() const { return read_; }

 private:
  void work(WordTable& table) {
    std::vector<std::string> texts;
    WordCutter cutter(options_.pattern);
    try {
      for (int64_t document; read(texts, document);)
        for (const std::string& text : texts) {
          cutter.cut(text, [&](std::string_view word) { table.add(word, document); });
          ++document;
        }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      stop_at_error();
    }
  }

  void stop_at_error() {
    if (!error_) error_ = std::current_exception();
    ended_ = true;
  }

  // The next piece and the number of its first document; false at the end.
  bool read(std::vector<std::string>& texts, int64_t& first) {
    const std::lock_guard lock(mutex_);
    texts.clear();
    first = read_;
    size_t bytes = 0;
    std::string text;
    try {
      while (!ended_ && bytes < options_.piece_bytes) {
        if (!next_(text)) {
          ended_ = true;
          break;
        }
        bytes += text.size() + sizeof text;
        texts.push_back(std::move(text));
      }
    } catch (...) {
      // While the lock is held: the source must not be called again after its first error.
      stop_at_error();
      return false;
    }
    read_ += int64_t(texts.size());
    if (piece_read_) piece_read_();
    return !texts.empty();
  }

  const TextSource& next_;
  const std::function<void()>& piece_read_;
  const CountOptions& options_;
  std::vector<WordTable> tables_;  // by thread

  std::mutex mutex_;  // guards next_ and all below
  int64_t read_ = 0;
  bool ended_ = false;
  std::exception_ptr error_;
};

WordCounts counted(const TextSource& next, const std::function<void()>& piece_read, const CountOptions& options) {
  CountingTeam team(next, piece_read, options);
  const WordTable& table = team.run();
  std::vector<std::string_view> stop(options.stop_words.begin(), options.stop_words.end());
  std::sort(stop.begin(), stop.end());
  WordCounts counts{.documents = team.documents_read()};
  std::vector<const WordTable::Entry*> kept;
  table.for_each([&](const WordTable::Entry& entry) {
    const std::string word = table.word(entry);
    if (std::binary_search(stop.begin(), stop.end(), std::string_view(word))) return;
    counts.tokens += entry.count;
    if (entry.documents >= options.least_documents) kept.push_back(&entry);
  });
  counts.types = int64_t(kept.size());
  // The bytes of UTF-8 are in the order of code points.
  const auto before = [&](const WordTable::Entry* a, const WordTable::Entry* b) {
    return a->count != b->count ? a->count > b->count : table.word(*a) < table.word(*b);
  };
  if (options.keep > 0 && options.keep < counts.types) {
    std::nth_element(kept.begin(), kept.begin() + options.keep, kept.end(), before);
    kept.resize(size_t(options.keep));
  }
  std::sort(kept.begin(), kept.end(), before);
  counts.words.reserve(kept.size());
  for (const WordTable::Entry* entry : kept)
    counts.words.push_back({.word = table.word(*entry), .count = entry->count, .documents = entry->documents});
  return counts;
}

}  // namespace

WordCounts count_words(Documents& documents, const CountOptions& options) {
  std::function<void()> piece_read;
  if (options.read) piece_read = [&] { options.read(documents.bytes_since()); };
  return counted([&](std::string& text) { return documents.next(text); }, piece_read, options);
}

WordCounts count_words(const TextSource& source, const CountOptions& options) {
  return counted(source, {}, options);
}

}  // namespace encore
