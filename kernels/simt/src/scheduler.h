// Which ready thread of a block runs next.
#pragma once

#include <simt/executor.h>

#include <cstdint>
#include <deque>
#include <random>
#include <vector>

namespace simt {

struct Thread;

class Scheduler {
 public:
  Scheduler(Order order, unsigned threads, std::mt19937_64& random);
  void add(Thread*);
  bool idle() const { return order_ == Order::kPct ? waiting_ == 0 : ready_.empty(); }
  Thread* next();  // REQUIRES: !idle()

 private:
  Thread* next_by_priority();

  Order order_;
  unsigned threads_;
  std::mt19937_64& random_;
  std::deque<Thread*> ready_;
  // pct: a queue per warp, taken in the order of priority_
  std::vector<std::deque<Thread*>> by_warp_;
  std::vector<unsigned> priority_;
  size_t waiting_ = 0;
  uint64_t picks_ = 0, change_at_ = 0;
};

}  // namespace simt
