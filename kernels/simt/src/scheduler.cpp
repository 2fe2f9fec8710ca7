#include <src/block.h>
#include <src/scheduler.h>

#include <algorithm>

namespace simt {

Scheduler::Scheduler(Order order, unsigned threads, std::mt19937_64& random)
    : order_(order), threads_(threads), random_(random) {
  if (order_ != Order::kPct) return;
  by_warp_.resize((threads + 31) / 32);
  for (unsigned i = 0; i < by_warp_.size(); ++i) priority_.push_back(i);
}

void Scheduler::add(Thread* t) {
  if (order_ == Order::kPct) {
    by_warp_[t->warp->index].push_back(t);
    ++waiting_;
  } else if (order_ == Order::kLifo) {
    ready_.push_front(t);
  } else {
    ready_.push_back(t);
  }
}

Thread* Scheduler::next() {
  if (order_ == Order::kPct) return next_by_priority();
  if (order_ == Order::kRandom) std::swap(ready_[random_() % ready_.size()], ready_.front());
  Thread* t = ready_.front();
  ready_.pop_front();
  return t;
}

Thread* Scheduler::next_by_priority() {
  if (picks_ == change_at_) {
    std::shuffle(priority_.begin(), priority_.end(), random_);
    change_at_ = picks_ + 1 + random_() % (64 * threads_);
  }
  ++picks_;
  for (unsigned w : priority_) {
    if (by_warp_[w].empty()) continue;
    Thread* t = by_warp_[w].front();
    by_warp_[w].pop_front();
    --waiting_;
    return t;
  }
  return nullptr;
}

}  // namespace simt
