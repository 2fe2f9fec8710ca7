// A shared object that makes chosen system calls of a program fail, or stops it there by a signal:
//
//   LD_PRELOAD=build/tests/libfailing_calls.so ENCORE_FAIL='pwrite:3:ENOSPC:log.jsonl' build/bin/dapt_train ...
//
// ENCORE_FAIL is a list of rules, separated by commas; a rule is CALL:N:ACTION[:TEXT].
//   CALL    open, write, pwrite, fsync, fdatasync, ftruncate, rename, unlink, mmap or thread
//   N       the N-th matching call, counted from 1 over all threads; "N+": that one and all after it
//   ACTION  the error it fails with (EIO, ENOSPC, ENOMEM, EACCES, EMFILE, EDQUOT, EAGAIN), or a signal that the process sends itself
//           before the call is made (SIGTERM, SIGUSR1, SIGHUP, SIGKILL), or PAUSE: it waits for 1.2 seconds
//   TEXT    only calls on a path that holds this text: open and rename see their arguments (rename the new name), the
//           others the path of their descriptor
// A rule that cannot be read ends the program with 99: a test that injects nothing must not pass.
//
// Timing decides nothing: "stopped while step 3 is logged" holds on any machine.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>

namespace {

struct Rule {
  std::string call, text;
  long first = 1;
  bool and_after = false;
  int error = 0, signal = 0;
  bool pause = false;
  std::atomic<long> seen{0};
};

struct NamedNumber {
  const char* name;
  int value;
};
constexpr NamedNumber kErrors[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"ENOMEM", ENOMEM}, {"EACCES", EACCES},
                                   {"EMFILE", EMFILE}, {"EDQUOT", EDQUOT}, {"EAGAIN", EAGAIN}};
constexpr NamedNumber kSignals[] = {
    {"SIGTERM", SIGTERM}, {"SIGUSR1", SIGUSR1}, {"SIGHUP", SIGHUP}, {"SIGKILL", SIGKILL}};

[[noreturn]] void unreadable(const std::string& rule) {
  std::fprintf(stderr, "failing_calls: cannot read the rule '%s'\n", rule.c_str());
  _exit(99);
}

template <size_t n>
int value_of(const NamedNumber (&names)[n], const std::string& name) {
  for (const NamedNumber& entry : names)
    if (name == entry.name) return entry.value;
  return 0;
}

std::string take(std::string& rest) {
  const size_t colon = rest.find(':');
  const std::string field = rest.substr(0, colon);
  rest = colon == std::string::npos ? std::string() : rest.substr(colon + 1);
  return field;
}

void read_rule(const std::string& written, std::deque<Rule>& rules) {
  std::string rest = written;
  Rule& rule = rules.emplace_back();
  rule.call = take(rest);
  const std::string count = take(rest), action = take(rest);
  rule.text = rest;
  char* end = nullptr;
  rule.first = std::strtol(count.c_str(), &end, 10);
  rule.and_after = *end == '+';
  rule.error = value_of(kErrors, action);
  rule.signal = value_of(kSignals, action);
  rule.pause = action == "PAUSE";
  constexpr const char* calls[] = {"open",      "write",  "pwrite", "fsync", "fdatasync",
                                   "ftruncate", "rename", "unlink", "mmap",  "thread"};
  bool known = false;
  for (const char* call : calls) known |= rule.call == call;
  if (!known || rule.first < 1 || (rule.error == 0 && rule.signal == 0 && !rule.pause)) unreadable(written);
}

// A deque: rules hold atomics and stay where they are.
std::deque<Rule>& rules() {
  static std::deque<Rule>* all = [] {
    auto* list = new std::deque<Rule>;
    const char* text = std::getenv("ENCORE_FAIL");
    std::string rest = text == nullptr ? "" : text;
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      read_rule(rest.substr(0, comma), *list);
      rest = comma == std::string::npos ? std::string() : rest.substr(comma + 1);
    }
    return list;
  }();
  return *all;
}

// True if this call must fail: errno is set.
bool fails(const char* call, const std::string& path) {
  for (Rule& rule : rules()) {
    if (rule.call != call || path.find(rule.text) == std::string::npos) continue;
    const long seen = ++rule.seen;
    if (seen != rule.first && !(rule.and_after && seen > rule.first)) continue;
    if (rule.pause) ::usleep(1'200'000);
    if (rule.signal != 0) ::kill(::getpid(), rule.signal);
    if (rule.error == 0) continue;
    errno = rule.error;
    return true;
  }
  return false;
}

std::string path_of(int fd) {
  char link[64], path[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, path, sizeof path);
  return size < 0 ? std::string() : std::string(path, size_t(size));
}

// Errors must be kept: what is called here may set errno though the call goes on.
template <class Path>
bool fails_at(const char* call, Path path) {
  if (rules().empty()) return false;
  const int before = errno;
  if (fails(call, path())) return true;
  errno = before;
  return false;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if (fails_at("open", [&] { return std::string(path); })) return -1;
  static auto* made = next<int(const char*, int, ...)>("open");
  return made(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open(path, flags, mode);
}

ssize_t write(int fd, const void* data, size_t size) {
  if (fails_at("write", [&] { return path_of(fd); })) return -1;
  static auto* made = next<ssize_t(int, const void*, size_t)>("write");
  return made(fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  if (fails_at("pwrite", [&] { return path_of(fd); })) return -1;
  static auto* made = next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return made(fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  return pwrite(fd, data, size, offset);
}

int fsync(int fd) {
  if (fails_at("fsync", [&] { return path_of(fd); })) return -1;
  static auto* made = next<int(int)>("fsync");
  return made(fd);
}

int fdatasync(int fd) {
  if (fails_at("fdatasync", [&] { return path_of(fd); })) return -1;
  static auto* made = next<int(int)>("fdatasync");
  return made(fd);
}

int ftruncate(int fd, off_t size) {
  if (fails_at("ftruncate", [&] { return path_of(fd); })) return -1;
  static auto* made = next<int(int, off_t)>("ftruncate");
  return made(fd, size);
}
int ftruncate64(int fd, off64_t size) {
  return ftruncate(fd, size);
}

int rename(const char* from, const char* to) {
  if (fails_at("rename", [&] { return std::string(to); })) return -1;
  static auto* made = next<int(const char*, const char*)>("rename");
  return made(from, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  if (fails_at("rename", [&] { return std::string(to); })) return -1;
  static auto* made = next<int(int, const char*, int, const char*, unsigned)>("renameat2");
  return made(from_folder, from, to_folder, to, flags);
}

int unlink(const char* path) {
  if (fails_at("unlink", [&] { return std::string(path); })) return -1;
  static auto* made = next<int(const char*)>("unlink");
  return made(path);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*), void* argument) {
  if (fails_at("thread", [] { return std::string(); })) return errno;
  static auto* made = next<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  return made(thread, attributes, body, argument);
}

void* mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  if (fails_at("mmap", [&] { return fd < 0 ? std::string("anonymous") : path_of(fd); })) return MAP_FAILED;
  static auto* made = next<void*(void*, size_t, int, int, int, off_t)>("mmap");
  return made(address, size, protection, flags, fd, offset);
}
void* mmap64(void* address, size_t size, int protection, int flags, int fd, off64_t offset) {
  return mmap(address, size, protection, flags, fd, offset);
}

}  // extern "C"
