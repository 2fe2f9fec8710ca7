#include "train/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "optim/communicator.h"

namespace encore {
namespace {

// Standard output may be a stream without a descriptor of its own (train/standard_streams.h).
int descriptor_of(std::FILE* out) {
  return out == stdout ? STDOUT_FILENO : ::fileno(out);
}

}  // namespace

bool on_terminal(std::FILE* out) {
  const char* term = std::getenv("TERM");
  return ::isatty(descriptor_of(out)) && !under_mpi() && !(term && std::string_view(term) == "dumb");
}

int terminal_columns(std::FILE* out) {
  struct winsize size {};
  return ::ioctl(descriptor_of(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string bar_of(double share, int width) {
  const size_t all = size_t(std::max(0, width)), full = size_t(double(all) * std::clamp(share, 0.0, 1.0));
  return "[" + std::string(full, '#') + std::string(all - full, '.') + "] ";
}

}  // namespace encore
