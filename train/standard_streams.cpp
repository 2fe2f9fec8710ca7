#include "train/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "kernels/base/check.h"

namespace encore {
namespace {

// The write function of a stdio stream. It reports every byte as written, since fmt::print throws on a short write.
ssize_t write_or_drop(void*, const char* text, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = ::write(STDOUT_FILENO, text + done, size - done);
    if (n < 0 && errno != EINTR) break;
    if (n > 0) done += size_t(n);
  }
  return ssize_t(size);
}

}  // namespace

void open_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    // The wrong direction, so that reading or writing fails as on a closed descriptor. open() takes the lowest free
    // number, which is `fd`, since those below it are open.
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void check_output_written() {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  const int error = errno;
  if (!flushed || std::ferror(stdout))
    fail_io("standard output: cannot be written{}{}", error ? ": " : "", error ? std::strerror(error) : "");
}

void drop_unwritable_output() {
  ::signal(SIGPIPE, SIG_IGN);
  std::fflush(stdout);
  std::FILE* stream = ::fopencookie(nullptr, "w", {.read = nullptr, .write = write_or_drop});
  if (!stream) return;
  stdout = stream;
  buffer_output();
}

void buffer_output() {
  // With a null pointer glibc would ignore the size.
  static char buffer[size_t(1) << 18];
  static std::FILE* owner = nullptr;
  if (owner) std::setvbuf(owner, nullptr, _IONBF, 0);
  owner = stdout;
  std::setvbuf(stdout, buffer, ::isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, sizeof(buffer));
}

}  // namespace encore
