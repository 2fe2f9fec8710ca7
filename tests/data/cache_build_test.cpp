// Builds of token caches that are interrupted: killed, out of disk, beside another process, damaged.
#include "data/cache/cache_build.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "data/cache/cache_lock.h"
#include "data/cache/token_cache.h"
#include "data/sequences/masking.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;
namespace fs = std::filesystem;

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Seven batches of text in two files, one of them packed, saved after every batch.
struct Build {
  TempDir dir;
  TokenCacheOptions options;

  Build() {
    options.dir = dir.file("cache");
    options.corpus.files = {dir.write("a.txt", text(0, 30000)), dir.write("b.txt.zst", zstd(text(30000, 50000)))};
    options.threads = 2;
    options.save_seconds = 0;
  }
  static std::string text(int begin, int end) {
    std::string out;
    for (int i = begin; i < end; ++i) out += fmt::format("document {} is not {}\n", i, (i * 7919L) % 1000003 * 31);
    return out;
  }
  std::shared_ptr<const TokenCache> open() const { return TokenCache::open(options, byte_tokenizer()); }
  // The bytes of the cache of an undisturbed build. The cache is removed again.
  std::string undisturbed() const {
    const auto cache = open();
    EXPECT_FALSE(cache->reused());
    EXPECT_EQ(cache->continued_documents(), 0);
    const std::string bytes = slurp(cache->path());
    fs::remove(cache->path());
    return bytes;
  }
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(options.dir, missing)) names.push_back(entry.path().filename());
    return names;
  }
  std::string building() const {
    for (const std::string& name : left())
      if (name.ends_with(".building")) return options.dir + "/" + name;
    return "";
  }
  int64_t saved_documents() const {
    const std::string journal = building().empty() ? "" : slurp(building() + "/journal");
    const size_t at = journal.find("\"documents\":");
    return at == std::string::npos ? 0 : std::stoll(journal.substr(at + 12));
  }
  // A process that opens the cache; its exit code is 0, or that of the Error.
  pid_t start(const std::function<void()>& before = [] {}) const {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    int rc = 0;
    try {
      before();
      open();
    } catch (const Error& e) {
      rc = e.exit_code();
    }
    ::_exit(rc);
  }
  // Kills a build once it has saved something. Leaves the folder as it was then.
  void interrupt() const {
    const pid_t pid = start();
    int status = 0;
    while (saved_documents() == 0 && ::waitpid(pid, &status, WNOHANG) == 0)
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, &status, 0);
    ASSERT_GT(saved_documents(), 0);
  }
};

int exit_of(pid_t pid) {
  int status = -1;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(BitQueue, JoinsWhatWasAppended) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    BitQueue queue;
    std::vector<bool> all;
    std::vector<uint64_t> words;
    for (int part = 0; part < 8; ++part) {
      const uint64_t count = random() % 200;
      std::vector<uint64_t> bits((count + 63) / 64);
      for (uint64_t i = 0; i < count; ++i) {
        const uint64_t bit = random() % 2;
        bits[i / 64] |= bit << (i % 64);
        all.push_back(bit);
      }
      for (uint64_t word : queue.append(bits, count)) words.push_back(word);
    }
    ASSERT_EQ(words.size(), all.size() / 64);
    words.push_back(queue.pending());
    for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(words[i / 64] >> (i % 64) & 1, uint64_t(all[i])) << i;
    for (size_t i = all.size() % 64; i < 64 && all.size() % 64 > 0; ++i) ASSERT_EQ(queue.pending() >> i & 1, 0u);
  }
}

TEST(CacheBuild, KilledAtAnyMomentItContinuesToTheSameBytes) {
  const Build build;
  const auto begin = std::chrono::steady_clock::now();
  const std::string good = build.undisturbed();
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - begin;
  std::mt19937 random(11);
  int kills = 0, continued = 0;
  for (int round = 0; round < 8; ++round) {
    for (int tries = 0; tries < 3; ++tries) {
      const pid_t pid = build.start();
      std::this_thread::sleep_for(whole * (0.5 * double(random() % 1000) / 1000));
      ::kill(pid, SIGKILL);
      kills += exit_of(pid) != 0;
    }
    const auto cache = build.open();
    continued += cache->continued_documents() > 0;
    EXPECT_EQ(cache->documents(), 50000);
    EXPECT_TRUE(slurp(cache->path()) == good) << "round " << round;
    fs::remove_all(build.options.dir);
  }
  EXPECT_GT(kills, 3);
  std::printf("%d kills, %d builds continued by the last start\n", kills, continued);
}

TEST(CacheBuild, ContinuesAfterWhatWasSaved) {
  Build build;
  const std::string good = build.undisturbed();
  build.interrupt();
  const int64_t saved = build.saved_documents();
  const auto cache = build.open();
  EXPECT_EQ(cache->continued_documents(), saved);
  EXPECT_TRUE(slurp(cache->path()) == good);
  EXPECT_EQ(build.left().size(), 1u) << "only the cache stays behind";
  fs::remove(cache->path());
  // Another number of threads.
  build.interrupt();
  build.options.threads = 3;
  const auto by_three = build.open();
  EXPECT_GT(by_three->continued_documents(), 0);
  EXPECT_TRUE(slurp(by_three->path()) == good);
}

TEST(CacheBuild, AskedToStopItKeepsWhatIsDone) {
  Build build;
  const std::string good = build.undisturbed();
  int asked = 0;
  build.options.save_seconds = 1e9;
  build.options.stop = [&] { return ++asked == 4; };
  expect_parts(error_of([&] { build.open(); }, 75), {"documents are kept"});
  build.options.stop = nullptr;
  const auto cache = build.open();
  EXPECT_GT(cache->continued_documents(), 0);
  EXPECT_LT(cache->continued_documents(), cache->documents());
  EXPECT_TRUE(slurp(cache->path()) == good);
}

TEST(CacheBuild, DamagedLeftoversAreBuiltAgain) {
  const Build build;
  const std::string good = build.undisturbed();
  build.interrupt();
  const std::string folder = build.building(), copy = build.dir.file("copy");
  fs::rename(folder, copy);
  for (const char* name : {"journal", "tokens", "words", "lines", "offsets", "hashes"}) {
    for (const char* how : {"flip", "cut", "gone"}) {
      fs::copy(copy, folder);
      const std::string path = folder + "/" + name;
      std::string bytes = slurp(path);
      if (std::string(how) == "flip") bytes[std::min<size_t>(bytes.size() / 2, 5000)] ^= 0x10;
      if (std::string(how) == "cut") bytes.resize(std::min<size_t>(bytes.size() / 2, 5000));
      std::ofstream(path, std::ios::binary) << bytes;
      if (std::string(how) == "gone") fs::remove(path);
      const auto cache = build.open();
      EXPECT_EQ(cache->continued_documents(), 0) << name << " " << how;
      EXPECT_TRUE(slurp(cache->path()) == good) << name << " " << how;
      fs::remove(cache->path());
    }
  }
}

TEST(CacheBuild, ChangedSourcesStartOver) {
  const Build build;
  build.interrupt();
  build.dir.write("a.txt", "another text\n");
  const auto cache = build.open();
  EXPECT_EQ(cache->continued_documents(), 0);
  EXPECT_EQ(cache->documents(), 20001);
  EXPECT_EQ(build.left().size(), 1u);
}

TEST(CacheBuild, RefusedTextLeavesNothing) {
  const Build build;
  build.dir.write("b.txt.zst", zstd(Build::text(0, 20000) + "bad \xff\n"));
  expect_parts(error_of([&] { build.open(); }), {"b.txt.zst", "line 20001", "UTF-8"});
  EXPECT_TRUE(build.left().empty());
}

// No file may grow past 1 MiB, which comes after some batches have been saved.
TEST(CacheBuild, FullDiskKeepsWhatWasSaved) {
  const Build build;
  const std::string good = build.undisturbed();
  const pid_t pid = build.start([] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &small);
  });
  EXPECT_EQ(exit_of(pid), 74);
  EXPECT_EQ(build.left().size(), 1u) << "the folder of the build alone";
  const int64_t saved = build.saved_documents();
  EXPECT_GT(saved, 0);
  EXPECT_EQ(fs::file_size(build.building() + "/offsets"), uint64_t(8 * saved)) << "cut to what was saved";
  const auto cache = build.open();
  EXPECT_EQ(cache->continued_documents(), saved);
  EXPECT_TRUE(slurp(cache->path()) == good);
}

TEST(CacheBuild, TheSecondWaitsSaysSoAndFindsIt) {
  Build build;
  const std::string good = build.undisturbed();
  std::string path;
  {
    const auto cache = build.open();
    path = cache->path();
    fs::remove(path);
  }
  std::vector<std::string> said;
  build.options.say = [&](const std::string& line) { said.push_back(line); };
  auto lock = std::make_unique<BuildLock>(path, nullptr);
  ASSERT_TRUE(lock->held());
  std::thread holder([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    std::ofstream(path, std::ios::binary) << good;
    lock.reset();
  });
  const auto cache = build.open();
  holder.join();
  EXPECT_TRUE(cache->reused());
  ASSERT_EQ(said.size(), 1u);
  expect_parts(said[0], {"waiting", path});
}

// The waiting process continues the build of the other, which is killed.
TEST(CacheBuild, TheSecondTakesOver) {
  const Build build;
  const std::string good = build.undisturbed();
  const pid_t first = build.start();
  while (build.saved_documents() == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
  ::kill(first, SIGSTOP);
  std::shared_ptr<const TokenCache> cache;
  std::thread second([&] { cache = build.open(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ::kill(first, SIGKILL);
  second.join();
  exit_of(first);
  EXPECT_FALSE(cache->reused());
  EXPECT_GT(cache->continued_documents(), 0);
  EXPECT_TRUE(slurp(cache->path()) == good);
}

TEST(TokenCache, LargeCachesAreCheckedWhereTheyAreRead) {
  Build build;
  const std::string good = build.undisturbed();
  build.options.checked_bytes = 0;
  const std::string path = build.open()->path();
  CacheHeader header;
  std::memcpy(&header, good.data(), sizeof header);
  const auto open_damaged = [&](uint64_t at, SequenceMode mode) {
    std::string bad = good;
    bad[at] ^= 1;
    std::ofstream(path, std::ios::binary) << bad;
    return Dataset::open({.cache = build.options, .layout = {.mode = mode}}, byte_tokenizer());
  };
  const auto objective = make_masking({}, byte_tokenizer());
  const auto read_all = [&](const Dataset& data) {
    for (int64_t e = 0; e < data.train()->examples(); ++e) {
      PackedBatch batch;
      data.train()->append(e, 0, *objective, batch);
    }
  };
  for (uint64_t at : {header.at_tokens, header.at_words - 16, header.at_words + 3, header.at_lines - 16}) {
    const Dataset data = open_damaged(at, SequenceMode::kFull);
    EXPECT_TRUE(data.ledger().from_cache) << "not seen at the start";
    expect_parts(error_of([&] { read_all(data); }, 74), {path, "damaged", "start again"});
    EXPECT_FALSE(fs::exists(path)) << "removed, so that the next start builds it again";
    const Dataset again = Dataset::open({.cache = build.options}, byte_tokenizer());
    EXPECT_FALSE(again.ledger().from_cache);
    EXPECT_TRUE(slurp(path) == good);
    read_all(again);
  }
  // Mode pack reads the line starts while it lays out.
  expect_parts(error_of([&] { open_damaged(header.at_lines + 5, SequenceMode::kPack); }, 74), {path, "damaged"});
  // Offsets and hashes are needed at once: damage there is found and repaired at the start.
  for (uint64_t at : {header.at_offsets + 9, header.at_hashes + 1, header.at_files + 20, header.at_sums + 2})
    EXPECT_FALSE(open_damaged(at, SequenceMode::kFull).ledger().from_cache) << at;
  // --verify-cache compares everything.
  build.options.verify = true;
  EXPECT_FALSE(open_damaged(header.at_tokens + 77, SequenceMode::kFull).ledger().from_cache);
}

}  // namespace
}  // namespace encore
