#include "data/select/bags/bag_file.h"

#include <array>
#include <cstring>

#include "data/readers/source_files.h"
#include "data/select/bags/bag_counter.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/cache_folder.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"
#include "kernels/base/ordered_workers.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

constexpr char kMagic[8] = {'E', 'N', 'C', 'B', 'A', 'G', 'S', '1'};
// That a thread takes at a time.
constexpr size_t kPieceBytes = size_t(1) << 20;
constexpr int64_t kPieceTexts = int64_t(1) << 13;
constexpr int kInterrupted = 75;  // exit code

// Little-endian. Then follow entries [values], starts u64 [texts + 1], hashes u64 [texts], and the source files as
// JSON.
struct Header {
  char magic[8];
  uint64_t key, columns, texts, values, sources_bytes;
  uint64_t body_hash;  // XXH64 of what follows the header
  uint64_t hash;       // XXH64 of the header up to here
};

uint64_t hash_of(const Header& header) {
  return hash_bytes({reinterpret_cast<const char*>(&header), offsetof(Header, hash)});
}

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

struct Piece {
  std::vector<std::string> texts;
  std::vector<uint64_t> hashes;
  SparseRows rows;
};

// Joins pieces into the file.
class BagWriter {
 public:
  BagWriter(const std::string& path, Header header) : file_(path), header_(header) {
    file_.write(&header_, sizeof header_);
  }

  void add(const Piece& piece) {
    std::string entries(piece.rows.column.size() * 8, '\0');
    for (size_t i = 0; i < piece.rows.column.size(); ++i) {
      std::memcpy(&entries[8 * i], &piece.rows.column[i], 4);
      std::memcpy(&entries[8 * i + 4], &piece.rows.value[i], 4);
    }
    write(entries);
    const uint64_t before = starts_.back();
    for (size_t r = 1; r < piece.rows.row_start.size(); ++r)
      starts_.push_back(before + uint64_t(piece.rows.row_start[r]));
    hashes_.insert(hashes_.end(), piece.hashes.begin(), piece.hashes.end());
  }

  void finish(const std::string& sources) {
    write(bytes_of(starts_));
    write(bytes_of(hashes_));
    write(sources);
    header_.texts = hashes_.size();
    header_.values = starts_.back();
    header_.sources_bytes = sources.size();
    header_.body_hash = body_.digest();
    header_.hash = hash_of(header_);
    file_.write_at(0, {reinterpret_cast<const char*>(&header_), sizeof header_});
    file_.commit();
  }

 private:
  void write(std::string_view bytes) {
    body_.add(bytes);
    file_.write(bytes);
  }

  AtomicFile file_;
  Header header_;
  Hasher body_;
  std::vector<uint64_t> starts_ = {0}, hashes_;
};

void count_texts(const BagFileOptions& options, const BagVocabulary& vocabulary, BagWriter& writer) {
  const TextSource next = options.open();
  bool stopped = false;
  const auto take = [&](Piece& piece) {
    stopped = stopped || (options.stop && options.stop());
    if (stopped) return false;
    piece.texts = next_texts(next, kPieceTexts, kPieceBytes);
    return !piece.texts.empty();
  };
  const auto work = [&](Piece& piece) {
    BagCounter counter(vocabulary);
    for (const std::string& text : piece.texts) {
      piece.hashes.push_back(hash_bytes(text));
      counter.add(text, piece.rows);
    }
    piece.texts = {};
  };
  work_in_order<Piece>(loop_threads(options.threads), take, work, [&](Piece& piece) { writer.add(piece); });
  if (stopped) throw Error("stopped while the words of the text were counted", kInterrupted);
}

}  // namespace

void BagFile::write(const std::string& path, uint64_t key, const BagFileOptions& options,
                    const BagVocabulary& vocabulary) {
  const std::vector<SourceFile> before = stat_files(options.paths);
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.key = key;
  header.columns = uint64_t(vocabulary.columns());
  BagWriter writer(path, header);
  count_texts(options, vocabulary, writer);
  check_untouched(before);
  writer.finish(source_files_json(before));
}

std::string BagFile::load(const std::string& path, uint64_t key, const BagFileOptions& options,
                          const BagVocabulary& vocabulary) {
  path_ = path;
  try {
    file_.emplace(path);
  } catch (const IoError&) {
    throw;
  } catch (const Error&) {
    return "is not there";
  }
  const std::string_view all = file_->text();
  Header header;
  if (all.size() < sizeof header) return "is too short";
  std::memcpy(&header, all.data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.hash != hash_of(header)) return "is damaged";
  if (header.key != key || header.columns != uint64_t(vocabulary.columns())) return "belongs to other text";
  const std::string_view body = all.substr(sizeof header);
  const uint64_t most = body.size();
  if (header.texts > most || header.values > most || header.sources_bytes > most) return "is torn";
  const uint64_t at_starts = header.values * sizeof(Entry), at_hashes = at_starts + 8 * (header.texts + 1),
                 at_sources = at_hashes + 8 * header.texts;
  if (at_sources + header.sources_bytes != most || hash_bytes(body) != header.body_hash) return "is damaged";
  entries_ = reinterpret_cast<const Entry*>(body.data());
  starts_ = reinterpret_cast<const uint64_t*>(body.data() + at_starts);
  hashes_ = reinterpret_cast<const uint64_t*>(body.data() + at_hashes);
  texts_ = int64_t(header.texts);
  columns_ = vocabulary.columns();
  if (starts_[texts_] != header.values || !rows_are_sound()) return "is torn";
  file_->check_whole();
  try {
    const std::vector<SourceFile> then = parse_source_files(body.substr(at_sources)), now = stat_files(options.paths);
    if (then.size() != now.size()) return "has other files";
    for (size_t i = 0; i < now.size(); ++i)
      if (!then[i].untouched(now[i])) return "is stale";
  } catch (const nlohmann::json::exception&) {
    return "is torn";
  }
  return "";
}

// A forged file, too, must not send a reader outside of it.
bool BagFile::rows_are_sound() const {
  if (starts_[0] != 0) return false;
  for (int64_t t = 0; t < texts_; ++t) {
    if (starts_[t + 1] < starts_[t] || starts_[t + 1] > starts_[texts_]) return false;
    int32_t before = 0;
    for (uint64_t i = starts_[t]; i < starts_[t + 1]; ++i) {
      if (entries_[i].column <= before || entries_[i].column >= columns_ || !(entries_[i].value > 0)) return false;
      before = entries_[i].column;
    }
  }
  return true;
}

std::shared_ptr<const BagFile> BagFile::open(const BagFileOptions& options, const BagVocabulary& vocabulary) {
  Hasher hash;
  hash.add_text(options.reading).add(vocabulary.fingerprint());
  for (const SourceFile& file : stat_files(options.paths)) hash.add_text(file.path);
  const uint64_t key = hash.digest();
  const std::string path = fmt::format("{}/{:016x}.bags", cache_folder(options.dir), key);
  std::shared_ptr<BagFile> file(new BagFile);
  file->reused_ = file->load(path, key, options, vocabulary).empty();
  if (file->reused_) return file;
  file.reset(new BagFile);
  write(path, key, options, vocabulary);
  const std::string fault = file->load(path, key, options, vocabulary);
  if (!fault.empty()) fail_io("{}: the file {} right after it was written", path, fault);
  return file;
}

void BagFile::append(int64_t text, SparseRows& rows) const {
  for (uint64_t i = starts_[text]; i < starts_[text + 1]; ++i) {
    rows.column.push_back(entries_[i].column);
    rows.value.push_back(entries_[i].value);
  }
  rows.row_start.push_back(rows.values());
  rows.columns = columns_;
}

uint64_t BagFile::fingerprint() const {
  Hasher hash;
  hash.add(uint64_t(texts_)).add(hashes_, size_t(texts_) * sizeof *hashes_);
  hash.add(starts_, size_t(texts_ + 1) * sizeof *starts_).add(entries_, starts_[texts_] * sizeof *entries_);
  return hash.digest();
}

}  // namespace encore
