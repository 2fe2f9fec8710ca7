// The progress display of a run: a bar that redraws itself on a terminal, an occasional plain line elsewhere (a file, a
// pipe to tee, TERM=dumb).
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace encore {

class Progress {
 public:
  // quiet: nothing is printed (ranks other than 0). line_seconds: time between plain lines.
  Progress(int64_t steps, bool quiet, double line_seconds, std::FILE* out = stdout);
  ~Progress();

  struct Status {
    int64_t step;
    double epoch, loss, lr, grad_norm, tokens_per_second;
    double seconds_left;
  };
  // The bar and its figures in at most `width` columns. Omits the least important figures first; the bar needs 40.
  static std::string line(const Status&, int64_t steps, int width);

  void step(const Status&);
  // A line of its own, above the bar.
  void message(const std::string& line);
  // Ends the bar's line.
  void finish();

 private:
  void draw(const Status&);
  void erase();

  int64_t steps_;
  bool quiet_, terminal_;
  double line_seconds_;
  std::FILE* out_;
  bool drawn_ = false;
  Status latest_{};
  double last_ = -1;  // steady_seconds() of the line drawn last; below 0: none yet
};

}  // namespace encore
