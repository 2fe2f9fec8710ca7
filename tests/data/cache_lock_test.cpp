#include "data/cache/cache_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>

#include "data/cache/token_cache.h"
#include "kernels/base/ordered_workers.h"
#include "tests/data/data_fixtures.h"

namespace {
// The error of flock() on file systems without locks; 0: the kernel's own answer.
std::atomic<int> no_locks{0};
}  // namespace

extern "C" int flock(int fd, int how) noexcept {
  if (const int error = no_locks.load()) {
    errno = error;
    return -1;
  }
  return int(::syscall(SYS_flock, fd, how));
}

namespace encore {
namespace {

using namespace fixtures;
namespace fs = std::filesystem;

std::vector<std::string> names_in(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(BuildLock, OneAtATimeWhoeverRemovesTheFile) {
  TempDir dir;
  const std::string cache = dir.file("x.tokens");
  std::atomic<int> inside{0}, most{0}, turns{0};
  std::vector<std::thread> team;
  for (int t = 0; t < 6; ++t)
    team.emplace_back([&] {
      for (int i = 0; i < 30; ++i) {
        const BuildLock lock(cache, nullptr);
        ASSERT_TRUE(lock.held());
        const int now = ++inside;
        if (now > most) most = now;
        std::this_thread::yield();
        --inside;
        ++turns;
      }
    });
  for (std::thread& t : team) t.join();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(turns, 180);
  EXPECT_TRUE(names_in(dir.path()).empty()) << "the lock's file goes with the lock";
}

TEST(BuildLock, WithoutLocksEachBuildsForItself) {
  TempDir dir;
  std::string text;
  for (int i = 0; i < 60000; ++i) text += fmt::format("document {}\n", i * 13);
  TokenCacheOptions options;
  options.corpus.files = {dir.write("a.txt", text)};
  options.dir = dir.file("cache");
  options.save_seconds = 0;
  options.threads = 2;
  for (int error : {ENOLCK, EOPNOTSUPP}) {
    std::vector<pid_t> children;
    for (int c = 0; c < 3; ++c) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        no_locks = error;
        int rc = 1;
        try {
          rc = TokenCache::open(options, byte_tokenizer())->documents() == 60000 ? 0 : 2;
        } catch (const std::exception& e) {
          std::fprintf(stderr, "%s\n", e.what());
        }
        ::_exit(rc);
      }
      children.push_back(pid);
    }
    for (pid_t pid : children) {
      int status = -1;
      ::waitpid(pid, &status, 0);
      EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(names_in(options.dir).size(), 1u);
    EXPECT_TRUE(TokenCache::open(options, byte_tokenizer())->reused());
    fs::remove_all(options.dir);
  }
}

TEST(RemoveDeadBuilds, RemovesWhatIsOldAndUnlocked) {
  TempDir dir;
  const auto make = [&](const std::string& name, int days_old) {
    fs::path path = dir.file(name);
    if (name.ends_with('/')) {
      fs::create_directory(path.parent_path());
      path = path.parent_path();
      std::ofstream(path / "journal") << "x";
    } else {
      std::ofstream(path) << "x";
    }
    const timespec then{std::time(nullptr) - days_old * 86400, 0}, times[2] = {then, then};
    if (fs::is_directory(path)) ::utimensat(AT_FDCWD, (path / "journal").c_str(), times, 0);
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
  };
  const std::string a(16, 'a'), b(16, 'b'), c(16, 'c'), d(16, 'd');
  make(a + ".tokens", 100);            // a finished cache
  make(a + ".tokens.building/", 8);    // its dead build
  make(b + ".tokens.building/", 6);    // young enough to be continued
  make(c + ".tokens.building/", 100);  // its lock is held
  make(c + ".tokens.lock", 100);
  make(d + ".tokens.building-Ab12Cd/", 8);
  make(d + ".tokens.tmp-12-0", 8);
  make(d + ".tokens.lock", 8);
  make("stdin-copy-77.tmp-77-0", 8);
  make("stdin-0123456789abcdef.txt", 100);
  make("notes.tokens.tmp-1", 100);  // not ours, nor is the next
  make("input-1.gz", 100);
  const int fd = ::open(dir.file(c + ".tokens.lock").c_str(), O_RDWR);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  remove_dead_builds(dir.path());
  ::close(fd);
  EXPECT_EQ(names_in(dir.path()),
            (std::vector<std::string>{a + ".tokens", b + ".tokens.building", c + ".tokens.building", c + ".tokens.lock",
                                      "input-1.gz", "notes.tokens.tmp-1", "stdin-0123456789abcdef.txt"}));
}

TEST(OrderedWorkers, GiveInTheOrderOfTaking) {
  for (int threads : {1, 2, 7}) {
    int next = 0;
    std::atomic<int> under_way{0}, most{0};
    std::vector<int> given;
    const auto take = [&](int& piece) {
      if (next == 2000) return false;
      piece = next++;
      const int now = ++under_way;
      if (now > most) most = now;
      return true;
    };
    const auto work = [](int& piece) {
      volatile int spin = piece * 7919 % 3000;
      while (spin > 0) spin = spin - 1;
      piece = -piece;
    };
    const auto give = [&](int piece) {
      given.push_back(-piece);
      --under_way;
    };
    work_in_order<int>(threads, take, work, give);
    ASSERT_EQ(given.size(), 2000u);
    for (int i = 0; i < 2000; ++i) ASSERT_EQ(given[size_t(i)], i);
    EXPECT_LE(most, 4 * threads);
  }
}

TEST(OrderedWorkers, TheFirstFailureEndsIt) {
  for (int where = 0; where < 3; ++where) {
    int next = 0;
    const auto fail_at = [&](int place, int piece) {
      if (place == where && piece == 100) fail("piece {}", piece);
    };
    const auto run = [&] {
      work_in_order<int>(
          3,
          [&](int& piece) {
            fail_at(0, next);
            piece = next++;
            return next < 100000;
          },
          [&](int& piece) { fail_at(1, piece); }, [&](int piece) { fail_at(2, piece); });
    };
    EXPECT_EQ(error_of(run), "piece 100");
    EXPECT_LT(next, 200);
  }
}

}  // namespace
}  // namespace encore
