#include "data/cache/token_cache.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <cstddef>
#include <random>

#include "kernels/base/hash.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;
namespace fs = std::filesystem;

struct Place {
  TempDir dir;
  TokenCacheOptions options;
  explicit Place(std::string_view text = "one\ntwo\n\nthree\n") {
    options.corpus.files = {dir.write("a.txt", text)};
    options.dir = dir.file("cache");
  }
  std::shared_ptr<const TokenCache> open(const Tokenizer& tokenizer = byte_tokenizer()) const {
    return TokenCache::open(options, tokenizer);
  }
  std::vector<std::string> cache_files() const {
    std::vector<std::string> names;
    if (fs::exists(options.dir))
      for (const auto& entry : fs::directory_iterator(options.dir)) names.push_back(entry.path().filename());
    return names;
  }
};

std::string text_of(const TokenCache& cache) {
  TokenCacheReader reader(cache);
  std::string text;
  for (int64_t d = 0; d < cache.documents(); ++d) {
    for (int64_t i = reader.document_start(d); i < reader.document_start(d + 1); ++i) text += char(reader.token(i) - 4);
    text += '|';
  }
  return text;
}

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(TokenCache, HoldsTheCorpus) {
  Place place("one two\n\nthree\n\n");
  const auto cache = place.open();
  EXPECT_FALSE(cache->reused());
  EXPECT_EQ(text_of(*cache), "one two||three||");
  EXPECT_EQ(cache->tokens(), 12);
  TokenCacheReader reader(*cache);
  EXPECT_EQ(reader.document_hash(0), hash_bytes("one two"));
  EXPECT_EQ(reader.document_hash(2), hash_bytes("three"));
  EXPECT_EQ(reader.document_of(0), 0);
  EXPECT_EQ(reader.document_of(6), 0);
  EXPECT_EQ(reader.document_of(7), 2);
  EXPECT_EQ(reader.document_of(11), 2);
  // "one", " two": the blank belongs to the word after it.
  std::string words;
  for (int64_t i = 0; i < cache->tokens(); ++i) words += reader.starts_word(i) ? '1' : '0';
  EXPECT_EQ(words, "100100010000");
  ASSERT_EQ(cache->files().size(), 1u);
  EXPECT_EQ(cache->files()[0].documents, 4);
  EXPECT_EQ(cache->files()[0].text_bytes, 12);
  EXPECT_EQ(cache->files()[0].size, 16u);
  EXPECT_EQ(cache->files()[0].hash, hash_bytes("one two\n\nthree\n\n"));
}

TEST(TokenCache, LineStarts) {
  Place place;
  place.options.corpus.files = {place.dir.write("a.jsonl", "{\"text\": \"ab\\nc\\n\\n d\"}\n{\"text\": \"e\\n\"}\n")};
  // A token that holds two line feeds ends a line too.
  const auto cache = place.open(byte_tokenizer({{"\u010a", "\u010a"}}));
  TokenCacheReader reader(*cache);
  ASSERT_EQ(cache->tokens(), 9);  // a b \n c \n\n " " d | e \n
  std::string lines;
  for (int64_t i = 0; i < cache->tokens(); ++i) lines += reader.starts_line(i) ? '1' : '0';
  EXPECT_EQ(lines, "100101010");
}

TEST(TokenCache, WideVocabulary) {
  std::vector<std::string> tokens{"<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "b"};
  for (int i = 0; i < 70000; ++i) tokens.push_back("dummy" + std::to_string(i));
  tokens.push_back("ab");
  const auto tokenizer = Tokenizer::from_parts(tokens, {{"a", "b"}});
  Place place("ab\nba\n");
  const auto cache = place.open(tokenizer);
  ASSERT_EQ(cache->tokens(), 3);
  TokenCacheReader reader(*cache);
  EXPECT_EQ(reader.token(0), 70007);
  EXPECT_EQ(reader.token(1), 6);
  EXPECT_EQ(reader.token(2), 5);
}

TEST(TokenCache, SecondStartReusesIt) {
  Place place;
  const auto first = place.open();
  const auto second = place.open();
  EXPECT_FALSE(first->reused());
  EXPECT_TRUE(second->reused());
  EXPECT_EQ(text_of(*second), "one|two||three|");
  EXPECT_EQ(first->content_fingerprint(), second->content_fingerprint());
  EXPECT_EQ(place.cache_files().size(), 1u) << "only the cache stays behind";
  place.options.verify = true;
  EXPECT_TRUE(place.open()->reused());
}

TEST(TokenCache, ThreadsDoNotMatter) {
  std::string text;
  for (int i = 0; i < 40000; ++i) text += "document number " + std::to_string(i * 31) + "\n";
  Place one(text);
  one.options.threads = 1;
  const std::string a = slurp(one.open()->path());
  one.options.threads = 5;
  fs::remove_all(one.options.dir);
  EXPECT_EQ(a, slurp(one.open()->path()));
}

TEST(TokenCache, ChangesRebuildIt) {
  Place place;
  const std::string file = place.options.corpus.files[0];
  place.open();
  // Another size.
  place.dir.write("a.txt", "one\ntwo\nfour\n");
  EXPECT_FALSE(place.open()->reused());
  EXPECT_EQ(text_of(*place.open()), "one|two|four|");
  EXPECT_TRUE(place.open()->reused());
  // Another time.
  const timespec times[2] = {{1000, 5}, {1000, 5}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  EXPECT_FALSE(place.open()->reused());
  EXPECT_TRUE(place.open()->reused());
  // Another inode with the same size and time.
  const auto copy = place.dir.write("copy", "one\ntwo\nf@ur\n");
  ASSERT_EQ(::utimensat(AT_FDCWD, copy.c_str(), times, 0), 0);
  fs::rename(copy, file);
  EXPECT_FALSE(place.open()->reused());
  EXPECT_EQ(text_of(*place.open()), "one|two|f@ur|");
  EXPECT_EQ(place.cache_files().size(), 1u) << "the new cache takes the place of the stale one";
  // Each tokenizer, and each way of reading, has its own cache.
  EXPECT_FALSE(place.open(byte_tokenizer({{"o", "n"}}))->reused());
  place.options.corpus.blank_line_documents = true;
  EXPECT_FALSE(place.open()->reused());
  EXPECT_EQ(place.cache_files().size(), 3u);
}

TEST(TokenCache, VerifyFindsWhatTimeAndSizeHide) {
  Place place;
  const std::string file = place.options.corpus.files[0];
  const timespec times[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  const uint64_t before = place.open()->content_fingerprint();
  std::fstream(file, std::ios::in | std::ios::out).write("XXX", 3);
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  EXPECT_TRUE(place.open()->reused());
  place.options.verify = true;
  const auto cache = place.open();
  EXPECT_FALSE(cache->reused());
  EXPECT_EQ(text_of(*cache), "XXX|two||three|");
  EXPECT_NE(cache->content_fingerprint(), before);
}

TEST(TokenCache, TornCachesAreRebuilt) {
  Place place;
  const std::string path = place.open()->path();
  const std::string good = slurp(path);
  const auto rebuilt = [&](const std::string& bytes, const std::string& what) {
    std::ofstream(path, std::ios::binary) << bytes;
    const auto cache = place.open();
    EXPECT_FALSE(cache->reused()) << what;
    EXPECT_EQ(text_of(*cache), "one|two||three|") << what;
    EXPECT_EQ(slurp(path), good) << what;
  };
  for (size_t size : {size_t(0), size_t(7), sizeof(CacheHeader), good.size() / 2, good.size() - 1})
    rebuilt(good.substr(0, size), "cut to " + std::to_string(size));
  rebuilt(good + "x", "a byte too many");
  for (size_t at = 0; at < good.size(); at += at < sizeof(CacheHeader) ? 4 : 7) {
    std::string bad = good;
    bad[at] = char(bad[at] ^ 0x40);
    rebuilt(bad, "damaged at " + std::to_string(at));
  }
  rebuilt(std::string(good.size(), '\0'), "zeros");
}

// A header with a valid checksum and wrong sections must not send a reader outside of the file.
TEST(TokenCache, LyingHeader) {
  Place place;
  const std::string path = place.open()->path();
  const std::string good = slurp(path);
  for (size_t field :
       {offsetof(CacheHeader, documents), offsetof(CacheHeader, tokens), offsetof(CacheHeader, at_words),
        offsetof(CacheHeader, at_hashes), offsetof(CacheHeader, at_files), offsetof(CacheHeader, token_bytes)}) {
    for (uint64_t lie : {uint64_t(1), uint64_t(1) << 20, uint64_t(1) << 61, ~uint64_t(0)}) {
      std::string bad = good;
      std::memcpy(bad.data() + field, &lie, 4);
      const uint64_t checksum = hash_bytes({bad.data(), offsetof(CacheHeader, checksum)});
      std::memcpy(bad.data() + offsetof(CacheHeader, checksum), &checksum, 8);
      std::ofstream(path, std::ios::binary) << bad;
      EXPECT_EQ(text_of(*place.open()), "one|two||three|");
    }
  }
}

// Sections that agree with each other but end past the end of the file.
TEST(TokenCache, LyingHeaderThatAgreesWithItself) {
  Place place;
  const std::string path = place.open()->path();
  std::string bad = slurp(path);
  CacheHeader header;
  std::memcpy(&header, bad.data(), sizeof header);
  const uint64_t more = bad.size() / 2;
  header.documents += more;
  header.at_hashes += 8 * more;
  header.at_files += 16 * more;
  header.checksum = hash_bytes({reinterpret_cast<const char*>(&header), offsetof(CacheHeader, checksum)});
  std::memcpy(bad.data(), &header, sizeof header);
  std::ofstream(path, std::ios::binary) << bad;
  EXPECT_EQ(text_of(*place.open()), "one|two||three|");
}

TEST(TokenCache, TwoProcessesAtOnce) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "the document of number " + std::to_string(i) + "\n";
  Place place(text);
  place.options.threads = 1;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  std::vector<pid_t> children;
  for (int c = 0; c < 4; ++c) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::close(ready[1]);
      char byte;
      (void)!::read(ready[0], &byte, 1);  // all start when the parent closes its end
      int rc = 1;
      try {
        const auto cache = place.open();
        rc = cache->documents() == 20000 && TokenCacheReader(*cache).token(0) == id_of('t') ? 0 : 2;
      } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
      }
      ::_exit(rc);
    }
    children.push_back(pid);
  }
  ::close(ready[0]);
  ::close(ready[1]);
  for (pid_t pid : children) {
    int status = -1;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(place.cache_files().size(), 1u) << "no temporary file stays behind";
  EXPECT_TRUE(place.open()->reused());
}

// Files left by a killed process, under the names that this process would take.
TEST(TokenCache, LeftoversDoNotMatter) {
  Place place;
  const std::string path = place.open()->path();
  fs::remove(path);
  for (int i = 0; i < 3000; ++i) std::ofstream(fmt::format("{}.tmp-{}-{}", path, ::getpid(), i)) << "left";
  std::ofstream(path + ".lock") << "";
  EXPECT_EQ(text_of(*place.open()), "one|two||three|");
  EXPECT_TRUE(place.open()->reused());
}

TEST(TokenCache, FailuresLeaveNothingBehind) {
  Place place("fine\n\xff\n");
  expect_parts(error_of([&] { place.open(); }), {"a.txt", "line 2", "UTF-8"});
  EXPECT_TRUE(place.cache_files().empty());
  place.dir.write("a.txt", "\n\n");
  expect_parts(error_of([&] { place.open(); }), {"a.txt", "no text"});
  EXPECT_TRUE(place.cache_files().empty());
  place.options.dir = place.options.corpus.files[0] + "/below";
  expect_parts(error_of([&] { place.open(); }), {"cache", "ENCORE_CACHE"});
}

// No file may grow past 64 KiB, which looks like a full disk to the writer.
TEST(TokenCache, FullDisk) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "a document\n";
  Place place(text);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{65536, 65536};
    ::setrlimit(RLIMIT_FSIZE, &small);
    place.options.threads = 1;
    int rc = 1;
    try {
      place.open();
    } catch (const Error& e) {
      rc = e.exit_code();
    }
    ::_exit(rc);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 74);
  EXPECT_TRUE(place.cache_files().empty());
  EXPECT_EQ(place.open()->documents(), 20000);
}

// A reader that has the old cache open keeps it while another process replaces it.
TEST(TokenCache, ReplacedWhileOpen) {
  Place place;
  const auto old = place.open();
  place.dir.write("a.txt", "something else\n");
  EXPECT_EQ(text_of(*place.open()), "something else|");
  EXPECT_EQ(text_of(*old), "one|two||three|");
}

// A document in every block of the cache and more: documents are found by their tokens.
TEST(TokenCache, DocumentsOfManyBlocks) {
  std::string text;
  for (int i = 0; i < 40000; ++i) text += i % 3 == 0 ? "\n" : i % 3 == 1 ? "ab\n" : "cde\n";
  Place place(text);
  const auto cache = place.open();
  TokenCacheReader reader(*cache);
  std::mt19937 random(1);
  for (int trial = 0; trial < 2000; ++trial) {
    const int64_t document = reader.document_of(int64_t(random() % uint64_t(cache->tokens())));
    const int64_t start = reader.document_start(document), end = reader.document_start(document + 1);
    ASSERT_EQ(document % 3, end - start == 2 ? 1 : 2);
    ASSERT_EQ(reader.document_of(start), document);
    ASSERT_EQ(reader.document_of(end - 1), document);
  }
  std::vector<int32_t> ids;
  std::vector<uint8_t> words;
  reader.append(0, cache->tokens(), ids, words);
  ASSERT_EQ(ids.size(), size_t(cache->tokens()));
  EXPECT_EQ(ids.back(), id_of('e'));
  EXPECT_EQ(words[0], 1);
}

// What happens to the file after the start is found when the place is read: it ends the run with 74, and the file goes.
TEST(TokenCache, DamageAfterTheStart) {
  std::string text;
  for (int i = 0; i < 30000; ++i) text += "a document\n";
  const auto broken = [&](const char* what, const auto& damage) {
    Place place(text);
    const auto cache = place.open();
    TokenCacheReader before(*cache);
    EXPECT_EQ(before.token(299999), id_of('t'));
    damage(cache->path());
    EXPECT_EQ(before.token(299999), id_of('t')) << "its copy is not touched";
    TokenCacheReader reader(*cache);
    expect_parts(error_of([&] { reader.token(299999); }, 74), {cache->path(), "damaged or was cut", "made anew"});
    EXPECT_FALSE(fs::exists(cache->path())) << what;
    EXPECT_EQ(TokenCacheReader(*place.open()).token(299999), id_of('t')) << what;
  };
  broken("flipped", [](const std::string& path) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(int64_t(sizeof(CacheHeader)) + 2 * 299990);
    file.put('\x7f');
  });
  broken("cut", [](const std::string& path) { fs::resize_file(path, sizeof(CacheHeader) + 300000); });
  broken("emptied", [](const std::string& path) { fs::resize_file(path, 0); });
}

}  // namespace
}  // namespace encore
