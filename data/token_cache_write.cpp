#include <fcntl.h>
#include <malloc.h>
#include <omp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "data/corpus_reader.h"
#include "data/hash.h"
#include "data/token_cache.h"
#include "data/tokenizer.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

// Text that is tokenized at one go: enough for every thread, little beside the memory of any machine.
constexpr size_t kBatchBytes = size_t(8) << 20;
constexpr size_t kBatchDocuments = 1 << 14;

// A section whose size is known last, kept in an unnamed file beside the cache until it is copied in.
class Spool {
 public:
  explicit Spool(const std::string& beside) : name_(beside + ".part-XXXXXX") {
    fd_ = ::mkstemp(name_.data());
    if (fd_ < 0) fail_io("{}: cannot create the file: {}", name_, std::strerror(errno));
    ::unlink(name_.c_str());
  }
  ~Spool() { ::close(fd_); }
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  void append(uint64_t value) {
    buffer_.push_back(value);
    if (buffer_.size() == kWords) flush();
  }
  template <class Sink>
  void copy_to(Sink&& sink) {
    flush();
    if (::lseek(fd_, 0, SEEK_SET) < 0) fail_io("{}: cannot read back: {}", name_, std::strerror(errno));
    std::string chunk(kWords * 8, '\0');
    for (;;) {
      const ssize_t n = ::read(fd_, chunk.data(), chunk.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_io("{}: cannot read back: {}", name_, std::strerror(errno));
      if (n == 0) return;
      sink(std::string_view(chunk.data(), size_t(n)));
    }
  }

 private:
  static constexpr size_t kWords = 1 << 16;
  void flush() {
    const char* data = reinterpret_cast<const char*>(buffer_.data());
    size_t left = buffer_.size() * 8;
    while (left > 0) {
      const ssize_t n = ::write(fd_, data, left);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_io("{}: cannot write: {}", name_, std::strerror(errno));
      data += n;
      left -= size_t(n);
    }
    buffer_.clear();
  }

  std::string name_;
  int fd_ = -1;
  std::vector<uint64_t> buffer_;
};

class BitSpool {
 public:
  explicit BitSpool(const std::string& beside) : words_(beside) {}
  void append(bool bit) {
    word_ |= uint64_t(bit) << (count_ % 64);
    if (++count_ % 64 == 0) words_.append(std::exchange(word_, 0));
  }
  template <class Sink>
  void copy_to(Sink&& sink) {
    if (count_ % 64 != 0) words_.append(word_);
    words_.copy_to(sink);
  }

 private:
  Spool words_;
  uint64_t word_ = 0, count_ = 0;
};

struct Encoded {
  std::vector<int32_t> ids;
  std::vector<uint8_t> word_starts;
  uint64_t hash = 0;
};

// 1 for each id whose text holds a line feed.
std::vector<uint8_t> line_feed_ids(const Tokenizer& tokenizer) {
  std::vector<uint8_t> holds(size_t(tokenizer.vocab_size()));
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
    holds[size_t(id)] = tokenizer.has_token(id) && tokenizer.decode({&id, 1}).find('\n') != std::string::npos;
  return holds;
}

}  // namespace

class TokenCacheWriter {
 public:
  TokenCacheWriter(const std::string& path, uint64_t key, const Tokenizer& tokenizer, int threads)
      : out_(path),
        words_(path),
        lines_(path),
        offsets_(path),
        hashes_(path),
        tokenizer_(tokenizer),
        threads_(threads),
        line_feeds_(line_feed_ids(tokenizer)) {
    std::memcpy(header_.magic, kCacheMagic, sizeof kCacheMagic);
    header_.version = kCacheVersion;
    header_.token_bytes = tokenizer.vocab_size() <= 65536 ? 2 : 4;
    header_.key = key;
    header_.at_tokens = sizeof header_;
    out_.write(&header_, sizeof header_);
  }

  void add_batch(const std::vector<std::string>& texts) {
    for (const Encoded& document : encode(texts)) {
      offsets_.append(header_.tokens);
      hashes_.append(document.hash);
      append_tokens(document);
      header_.documents += 1;
      header_.tokens += document.ids.size();
    }
  }

  void finish(const std::vector<CachedFile>& files) {
    offsets_.append(header_.tokens);
    const auto sink = [this](std::string_view bytes) { write(bytes); };
    write(std::string_view("\0\0\0\0\0\0\0", (8 - out_.size() % 8) % 8));
    header_.at_words = out_.size();
    words_.copy_to(sink);
    header_.at_lines = out_.size();
    lines_.copy_to(sink);
    header_.at_offsets = out_.size();
    offsets_.copy_to(sink);
    header_.at_hashes = out_.size();
    hashes_.copy_to(sink);
    header_.at_files = out_.size();
    write(cached_files_json(files));
    header_.file_size = out_.size();
    header_.body_checksum = body_.digest();
    const std::string_view header(reinterpret_cast<const char*>(&header_), sizeof header_);
    header_.checksum = hash_bytes(header.substr(0, offsetof(CacheHeader, checksum)));
    out_.write_at(0, header);
    out_.commit();
  }

  uint64_t tokens() const { return header_.tokens; }

 private:
  void write(std::string_view bytes) {
    body_.add(bytes);
    out_.write(bytes);
  }

  std::vector<Encoded> encode(const std::vector<std::string>& texts) const {
    std::vector<Encoded> encoded(texts.size());
    std::exception_ptr error;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
    for (size_t d = 0; d < texts.size(); ++d) {
      try {
        Encoded& out = encoded[d];
        tokenizer_.encode_words(texts[d], out.ids, out.word_starts);
        out.hash = hash_bytes(texts[d]);
      } catch (...) {
#pragma omp critical
        error = std::current_exception();
      }
    }
    if (error) std::rethrow_exception(error);
    return encoded;
  }

  void append_tokens(const Encoded& document) {
    bool line_start = true;
    for (size_t i = 0; i < document.ids.size(); ++i) {
      words_.append(document.word_starts[i]);
      lines_.append(line_start);
      line_start = line_feeds_[size_t(document.ids[i])];
    }
    if (header_.token_bytes == 4) {
      write({reinterpret_cast<const char*>(document.ids.data()), document.ids.size() * 4});
      return;
    }
    narrow_.assign(document.ids.begin(), document.ids.end());
    write({reinterpret_cast<const char*>(narrow_.data()), narrow_.size() * 2});
  }

  AtomicFile out_;
  BitSpool words_, lines_;
  Spool offsets_, hashes_;
  const Tokenizer& tokenizer_;
  int threads_;
  std::vector<uint8_t> line_feeds_;
  std::vector<uint16_t> narrow_;
  Hasher body_;
  CacheHeader header_{};
};

void write_token_cache(const std::string& path, uint64_t key, const std::vector<CachedFile>& files,
                       const DatasetOptions& options, const Tokenizer& tokenizer) {
  std::vector<std::string> paths;
  for (const CachedFile& file : files) paths.push_back(file.path);
  CorpusReader reader(paths, options.corpus);
  const int threads = options.threads > 0 ? options.threads : omp_get_max_threads();
  TokenCacheWriter writer(path, key, tokenizer, threads);
  std::vector<std::string> texts;
  std::string text;
  for (bool more = true; more;) {
    texts.clear();
    size_t bytes = 0;
    while (texts.size() < kBatchDocuments && bytes < kBatchBytes && (more = reader.next(text))) {
      bytes += text.size();
      texts.push_back(std::move(text));
    }
    writer.add_batch(texts);
  }
  check(writer.tokens() > 0, "{}: no text in {}", files.front().path,
        files.size() == 1 ? "the file" : fmt::format("it nor in the other {} files", files.size() - 1));
  const std::vector<CachedFile> after = stat_files(paths);
  std::vector<CachedFile> done = files;
  for (size_t i = 0; i < files.size(); ++i) {
    check(after[i].size == files[i].size && after[i].mtime_ns == files[i].mtime_ns && after[i].inode == files[i].inode,
          "{}: the file changed while it was read; start again when it is complete", files[i].path);
    done[i].hash = reader.totals()[i].hash;
    done[i].documents = reader.totals()[i].documents;
    done[i].text_bytes = reader.totals()[i].text_bytes;
  }
  writer.finish(done);
  // The run that follows plans its memory: what tokenizing took goes back to the system.
  ::malloc_trim(0);
}

}  // namespace encore
