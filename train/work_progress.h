// How far a piece of work is, on standard error while that is a terminal: a bar that is erased when the work is done.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace encore {

class WorkProgress {
 public:
  // "seed 1, epoch 3/10  [####....] 120/400 rows  41.2 rows/s  ETA 7 s". quiet: nothing is shown (ranks other than 0).
  struct Work {
    std::string name;  // may be empty
    std::string unit;  // "rows"
    int64_t total = 0;
    int64_t already = 0;  // done before the clock started
  };
  WorkProgress(Work, bool quiet, std::FILE* out = stderr);
  ~WorkProgress() { erase(); }
  WorkProgress(const WorkProgress&) = delete;
  WorkProgress& operator=(const WorkProgress&) = delete;

  // Draws at most ten times a second.
  void add(int64_t done);
  // Takes the bar away, for lines of other streams that may go to the same terminal; the next add() draws it again.
  void erase();

  // The line in at most `width` columns: the bar, then the name, then the speed are left out first.
  static std::string line(const Work&, int64_t done, double seconds, int width);

 private:
  Work work_;
  bool shown_;
  std::FILE* out_;
  int64_t done_ = 0;
  double start_, drawn_at_ = 0;
  bool drawn_ = false;
};

}  // namespace encore
