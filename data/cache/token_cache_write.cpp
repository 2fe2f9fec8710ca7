#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "data/cache/cache_build.h"
#include "kernels/base/check.h"
#include "kernels/base/ordered_workers.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

// Text that a thread tokenizes at a time: large enough to hide the cost of taking it, small beside the memory.
constexpr size_t kBatchBytes = size_t(1) << 20;
constexpr size_t kBatchDocuments = 1 << 13;

constexpr int kInterrupted = 75;  // exit code

struct Batch {
  std::vector<std::string> texts;
  EncodedDocuments encoded;
};

class DocumentEncoder {
 public:
  DocumentEncoder(const Tokenizer& tokenizer, uint32_t token_bytes)
      : tokenizer_(tokenizer), token_bytes_(token_bytes), line_feeds_(size_t(tokenizer.vocab_size())) {
    for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
      line_feeds_[size_t(id)] = tokenizer.has_token(id) && tokenizer.decode({&id, 1}).find('\n') != std::string::npos;
  }

  void encode(const std::vector<std::string>& texts, EncodedDocuments& out) const {
    size_t bytes = 0;
    for (const std::string& text : texts) bytes += text.size();
    std::vector<int32_t> ids;
    std::vector<uint8_t> word_starts, line_starts;
    // An English token has four bytes or more; for other text these grow.
    ids.reserve(bytes / 3);
    word_starts.reserve(bytes / 3);
    for (const std::string& text : texts) {
      const size_t begin = ids.size();
      tokenizer_.encode_words(text, ids, word_starts);
      out.lengths.push_back(ids.size() - begin);
      out.hashes.push_back(hash_bytes(text));
    }
    line_starts.resize(ids.size());
    size_t at = 0;
    for (uint64_t length : out.lengths) {
      uint8_t line_start = 1;
      for (const size_t end = at + length; at < end; ++at) {
        line_starts[at] = line_start;
        line_start = line_feeds_[size_t(ids[at])];
      }
    }
    out.token_count = ids.size();
    out.words = packed(word_starts);
    out.lines = packed(line_starts);
    out.tokens.resize(ids.size() * token_bytes_);
    if (token_bytes_ == 4)
      std::memcpy(out.tokens.data(), ids.data(), out.tokens.size());
    else
      std::copy(ids.begin(), ids.end(), reinterpret_cast<uint16_t*>(out.tokens.data()));
  }

 private:
  static std::vector<uint64_t> packed(const std::vector<uint8_t>& flags) {
    std::vector<uint64_t> bits((flags.size() + 63) / 64);
    size_t i = 0;
    for (; i + 8 <= flags.size(); i += 8) {
      uint64_t eight;
      std::memcpy(&eight, &flags[i], 8);
      // Each byte is 0 or 1: the product brings byte k to bit 56 + k, and no two meet.
      bits[i / 64] |= (eight * 0x0102040810204080u >> 56) << (i % 64);
    }
    for (; i < flags.size(); ++i) bits[i / 64] |= uint64_t(flags[i]) << (i % 64);
    return bits;
  }

  const Tokenizer& tokenizer_;
  uint32_t token_bytes_;
  std::vector<uint8_t> line_feeds_;  // by id: 1 if its text holds a line feed
};

void skip_documents(CorpusReader& reader, int64_t count) {
  std::string text;
  for (int64_t d = 0; d < count; ++d)
    check(reader.next(text), "{}: fewer documents than before; the file changed while it was read", reader.path());
}

void tokenize(CorpusReader& reader, int threads, const DocumentEncoder& encoder, CacheBuild& build,
              const std::function<bool()>& stop) {
  bool more = true, stopped = false;
  const auto take = [&](Batch& batch) {
    stopped = stopped || (more && stop && stop());
    if (stopped) return false;
    size_t bytes = 0;
    std::string text;
    while (more && batch.texts.size() < kBatchDocuments && bytes < kBatchBytes && (more = reader.next(text))) {
      bytes += text.size();
      batch.texts.push_back(std::move(text));
    }
    return !batch.texts.empty();
  };
  const auto work = [&](Batch& batch) {
    encoder.encode(batch.texts, batch.encoded);
    batch.texts = {};
  };
  const auto give = [&](Batch& batch) { build.add(batch.encoded); };
  work_in_order<Batch>(threads, take, work, give);
  if (!stopped) return;
  build.save();
  throw Error(fmt::format("stopped while the text was tokenized; {} documents are kept, and the same command goes on",
                          build.documents()),
              kInterrupted);
}

}  // namespace

int64_t write_token_cache(const std::string& path, uint64_t key, const std::vector<SourceFile>& files, bool shared,
                          const TokenCacheOptions& options, const Tokenizer& tokenizer) {
  std::vector<std::string> paths;
  for (const SourceFile& file : files) paths.push_back(file.path);
  CacheHeader header{};
  std::memcpy(header.magic, kCacheMagic, sizeof kCacheMagic);
  header.version = kCacheVersion;
  header.token_bytes = tokenizer.vocab_size() <= 65536 ? 2 : 4;
  header.key = key;
  CacheBuild build(path, header, files, shared, options.save_seconds);
  const int64_t continued = build.documents();
  const int threads = loop_threads(options.threads);
  try {
    CorpusReader reader(paths, options.corpus);
    skip_documents(reader, continued);
    tokenize(reader, threads, DocumentEncoder(tokenizer, header.token_bytes), build, options.stop);
    check(build.tokens() > 0, "{}: no text in {}", files.front().path,
          files.size() == 1 ? "the file" : fmt::format("it nor in the other {} files", files.size() - 1));
    build.publish(files_read(files, reader.totals()));
  } catch (const Error& error) {
    // The user must change the text, so the unfinished build cannot be continued.
    if (error.exit_code() == Error("").exit_code()) build.discard();
    throw;
  }
  // Returns the memory of tokenizing to the system, since the run that follows plans its own.
  ::malloc_trim(0);
  return continued;
}

}  // namespace encore
