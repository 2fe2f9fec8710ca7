#include "train/work_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/base/clock.h"
#include "kernels/base/human.h"
#include "train/terminal.h"

namespace encore {

WorkProgress::WorkProgress(Work work, bool quiet, std::FILE* out)
    : work_(std::move(work)),
      shown_(!quiet && on_terminal(out)),
      out_(out),
      done_(work_.already),
      start_(steady_seconds()) {}

std::string WorkProgress::line(const Work& work, int64_t done, double seconds, int width) {
  constexpr int kBar = 20;
  const double rate = seconds > 0 ? double(done - work.already) / seconds : 0;
  const std::string count = fmt::format("{}/{} {}", with_commas(done), with_commas(work.total), work.unit),
                    name = work.name.empty() ? "" : work.name + "  ",
                    left = rate > 0 ? fmt::format("  ETA {}", human_time(double(work.total - done) / rate)) : "",
                    speed = rate > 0 ? fmt::format("  {:.{}f} {}/s", rate, rate < 100 ? 1 : 0, work.unit) : "";
  const std::string bar = bar_of(double(done) / double(std::max<int64_t>(1, work.total)), kBar);
  for (const std::string& text :
       {name + bar + count + speed + left, name + count + speed + left, count + speed + left, count + left, count})
    if (int(text.size()) <= width) return text;
  return count.substr(0, size_t(std::max(0, width)));
}

void WorkProgress::add(int64_t done) {
  done_ = std::min(done_ + done, work_.total);
  const double now = steady_seconds();
  if (!shown_ || (drawn_ && now - drawn_at_ < 0.1)) return;
  drawn_at_ = now;
  // The cursor rests at the start of the line, so that whatever is printed next overwrites the bar.
  const std::string text = kEraseLine + line(work_, done_, now - start_, terminal_columns(out_) - 1) + "\r";
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
  drawn_ = true;
}

void WorkProgress::erase() {
  if (!std::exchange(drawn_, false)) return;
  std::fputs(kEraseLine, out_);
  std::fflush(out_);
}

}  // namespace encore
