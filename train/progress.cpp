#include "train/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/human.h"
#include "train/terminal.h"

namespace encore {
namespace {

struct Figure {
  int rank;  // the highest is left out first
  std::string text;
};

std::vector<Figure> figures(const Progress::Status& s, int64_t steps) {
  return {{0, fmt::format("step {}/{}", s.step, steps)},
          {4, fmt::format("epoch {:.2f}", s.epoch)},
          {2, fmt::format("loss {:.4f}", s.loss)},
          {5, fmt::format("lr {:.2e}", s.lr)},
          {6, fmt::format("norm {:.2f}", s.grad_norm)},
          {3, fmt::format("{} tok/s", with_commas(std::llround(s.tokens_per_second)))},
          {1, fmt::format("ETA {}", human_time(s.seconds_left))}};
}

std::string joined(const std::vector<Figure>& figures, int highest_rank) {
  std::string text;
  for (const Figure& f : figures)
    if (f.rank <= highest_rank) text += (text.empty() ? "" : "  ") + f.text;
  return text;
}

}  // namespace

Progress::Progress(int64_t steps, bool quiet, double line_seconds, std::FILE* out)
    : steps_(steps), quiet_(quiet), terminal_(on_terminal(out)), line_seconds_(line_seconds), out_(out) {}

Progress::~Progress() {
  finish();
}

std::string Progress::line(const Status& s, int64_t steps, int width) {
  constexpr int kLeastBar = 12, kMostBar = 30, kBarWants = 40, kBrackets = 3;
  const std::vector<Figure> all = figures(s, steps);
  const int room = width >= kBarWants ? width - kLeastBar - kBrackets : width;
  int highest = int(all.size()) - 1;
  while (highest > 0 && int(joined(all, highest).size()) > room) --highest;
  std::string text = joined(all, highest);
  if (const int bar = std::min(kMostBar, width - kBrackets - int(text.size()));
      width >= kBarWants && bar >= kLeastBar) {
    text = bar_of(double(s.step) / double(std::max<int64_t>(1, steps)), bar) + text;
  }
  if (int(text.size()) > width) text.resize(size_t(std::max(0, width)));
  return text;
}

void Progress::step(const Status& s) {
  if (quiet_) return;
  latest_ = s;
  const double now = steady_seconds();
  if (last_ >= 0 && s.step != steps_ && now - last_ < (terminal_ ? 0.1 : line_seconds_)) return;
  last_ = now;
  draw(s);
}

void Progress::draw(const Status& s) {
  if (!terminal_) {
    std::fprintf(out_, "%s\n", joined(figures(s, steps_), INT_MAX).c_str());
    std::fflush(out_);
    return;
  }
  // The width is read each time, since the window may have changed. One column stays free, or the line would wrap. The
  // cursor rests at the start of the line: a terminal that rewraps the line when its window shrinks keeps the cursor at
  // its character, so everything from the cursor down is the bar and can be erased.
  const std::string text = std::string(drawn_ ? kEraseLine : "") + line(s, steps_, terminal_columns(out_) - 1) + "\r";
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
  drawn_ = true;
}

void Progress::erase() {
  if (drawn_) std::fputs(kEraseLine, out_);
  drawn_ = false;
}

void Progress::message(const std::string& line) {
  if (quiet_) return;
  erase();
  std::fprintf(out_, "%s\n", line.c_str());
  std::fflush(out_);
}

void Progress::finish() {
  if (drawn_) {
    draw(latest_);
    std::fprintf(out_, "\n");
  }
  drawn_ = false;
  std::fflush(out_);
}

}  // namespace encore
