#include "apps/train/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "optim/communicator.h"

namespace encore {
namespace {

// mpirun gives its ranks a pseudo-terminal, whatever its own output is.
bool on_terminal(std::FILE* out) {
  return ::isatty(::fileno(out)) && !under_mpi();
}

int columns(std::FILE* out) {
  struct winsize size {};
  return ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string human_time(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const int64_t s = std::llround(seconds);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
}

std::string with_commas(int64_t number) {
  std::string digits = std::to_string(std::abs(number));
  for (int64_t at = int64_t(digits.size()) - 3; at > 0; at -= 3) digits.insert(size_t(at), ",");
  return (number < 0 ? "-" : "") + digits;
}

Progress::Progress(int64_t steps, bool quiet, double line_seconds, std::FILE* out)
    : steps_(steps), quiet_(quiet), terminal_(on_terminal(out)), line_seconds_(line_seconds), out_(out) {}

Progress::~Progress() {
  finish();
}

void Progress::step(const Status& s) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  const double since = std::chrono::duration<double>(now - last_).count();
  const bool first = last_ == std::chrono::steady_clock::time_point{};
  if (!first && s.step != steps_ && since < (terminal_ ? 0.1 : line_seconds_)) return;
  last_ = now;
  draw(s);
}

void Progress::draw(const Status& s) {
  const std::string figures = fmt::format(
      "step {}/{}  epoch {:.2f}  loss {:.4f}  lr {:.2e}  norm {:.2f}  {} tok/s  ETA {}", s.step, steps_, s.epoch,
      s.loss, s.lr, s.grad_norm, with_commas(std::llround(s.tokens_per_second)), human_time(s.seconds_left));
  if (!terminal_) {
    std::fprintf(out_, "%s\n", figures.c_str());
    std::fflush(out_);
    return;
  }
  // The width is asked for each time: the window may have changed. One column stays free, or the line would wrap.
  const int width = columns(out_) - 1, room = std::min(30, width - int(figures.size()) - 3);
  std::string line = figures;
  if (room >= 5) {
    const int full = int(double(room) * double(s.step) / double(std::max<int64_t>(1, steps_)));
    line = "[" + std::string(size_t(full), '#') + std::string(size_t(room - full), '.') + "] " + figures;
  }
  if (int(line.size()) > width) line.resize(size_t(std::max(0, width)));
  std::fprintf(out_, "\r\033[K%s", line.c_str());
  std::fflush(out_);
  drawn_ = true;
}

void Progress::erase() {
  if (drawn_) std::fprintf(out_, "\r\033[K");
  drawn_ = false;
}

void Progress::message(const std::string& line) {
  if (quiet_) return;
  erase();
  std::fprintf(out_, "%s\n", line.c_str());
  std::fflush(out_);
}

void Progress::finish() {
  if (drawn_) std::fprintf(out_, "\n");
  drawn_ = false;
  std::fflush(out_);
}

}  // namespace encore
