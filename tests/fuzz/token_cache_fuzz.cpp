// A token cache with valid checksums and arbitrary content, opened as a dataset. Its key and its list of files are
// corrected, since the cache of another corpus would not be read.
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "data/sequences/dataset.h"
#include "data/sequences/masking.h"
#include "kernels/base/hash.h"
#include "kernels/base/utf8.h"
#include "tests/fuzz/fuzz_input.h"

using namespace encore;

namespace {

// <s>, <pad>, </s>, <unk>, <mask>, and a token a byte.
Tokenizer byte_tokenizer() {
  std::vector<std::string> tokens{"<s>", "<pad>", "</s>", "<unk>", "<mask>"};
  char32_t next = 256;
  for (char32_t b = 0; b < 256; ++b) {
    const bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    append_utf8(tokens.emplace_back(), itself ? b : next++);
  }
  return Tokenizer::from_parts(tokens, {});
}

struct Corpus {
  Tokenizer tokenizer = byte_tokenizer();
  DatasetOptions options;
  std::string cache, files;  // path; JSON
  CacheHeader header;

  Corpus() {
    options.cache = {.corpus = {.files = {fuzz::folder().write("corpus.txt", "ab cd\n\nef gh, ij\n")}},
                     .dir = fuzz::folder().path(),
                     .threads = 1};
    options.layout = {.seq_length = 6, .held_out = 0.3};
    const auto good = TokenCache::open(options.cache, tokenizer);
    cache = good->path();
    files = source_files_json(good->files());
    std::ifstream(cache, std::ios::binary).read(reinterpret_cast<char*>(&header), sizeof header);
  }
};

// The input as a cache of the corpus: its own sections, then the right list of files and valid checksums.
std::string repaired(const Corpus& corpus, std::string bytes) {
  CacheHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.at_files >= sizeof header && header.at_files <= bytes.size()) {
    try {
      parse_source_files(std::string_view(bytes).substr(header.at_files));
    } catch (const nlohmann::json::exception&) {
      // TokenCache takes such a cache for damaged.
    }
    bytes.resize(header.at_files);
    bytes += corpus.files;
  }
  bytes.resize((bytes.size() + 7) / 8 * 8, ' ');
  BlockSums sums;
  sums.add(std::string_view(bytes).substr(sizeof header));
  const std::vector<uint64_t>& all = sums.finish();
  const std::string_view sums_bytes(reinterpret_cast<const char*>(all.data()), all.size() * 8);
  header.at_sums = bytes.size();
  header.sums_checksum = hash_bytes(sums_bytes);
  bytes += sums_bytes;
  header.key = corpus.header.key;
  header.version = corpus.header.version;
  std::memcpy(header.magic, corpus.header.magic, sizeof header.magic);
  header.file_size = bytes.size();
  seal(header);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

void read_all(const Corpus& corpus, SequenceMode mode) {
  DatasetOptions options = corpus.options;
  options.layout.mode = mode;
  const Dataset dataset = Dataset::open(options, corpus.tokenizer);
  fuzz::must(dataset.ledger().adds_up(), "the ledger adds up");
  const auto objective = make_masking({}, corpus.tokenizer);
  for (const auto& side : {dataset.train(), dataset.held_out()}) {
    PackedBatch batch;
    for (int64_t e = 0; e < side->examples(); ++e) {
      side->append(e, 0, *objective, batch);
      side->document_of(side->first_sequence(e));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Corpus corpus;
  std::string bytes(fuzz::as_text(data, size));
  if (size >= sizeof(CacheHeader)) bytes = repaired(corpus, std::move(bytes));
  // One mode for each input, since a refused cache is built again, which takes time.
  constexpr SequenceMode kModes[] = {SequenceMode::kTruncate, SequenceMode::kSplit, SequenceMode::kPack,
                                     SequenceMode::kFull};
  std::filesystem::remove(corpus.cache);
  fuzz::folder().write(std::filesystem::path(corpus.cache).filename(), bytes);
  fuzz::read_or_refuse([&] { read_all(corpus, kModes[size / 8 % 4]); });
  return 0;
}
