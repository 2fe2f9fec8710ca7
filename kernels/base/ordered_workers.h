// Work on several threads with results in the order of the source: reading, computing and writing overlap, and no
// thread waits while there is work.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "kernels/base/thread_team.h"

namespace encore {

// take(piece): fills in the next piece, or returns false at the end; called by one thread at a time.
// work(piece): called by all threads at once. give(piece): called by one thread at a time, in the order of take().
// At most four pieces for each thread are in memory. The first exception of any of the three ends the work and is
// thrown here after all threads have ended.
template <class Piece, class Take, class Work, class Give>
class OrderedWorkers {
 public:
  OrderedWorkers(int threads, Take take, Work work, Give give)
      : take_(std::move(take)), work_(std::move(work)), give_(std::move(give)), most_(4 * uint64_t(threads)) {
    run_on_team(threads, [this] { run(); });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void run() {
    try {
      Piece piece;
      for (uint64_t number = 0; next(piece, number); piece = Piece()) {
        work_(piece);
        hand_on(std::move(piece), number);
      }
    } catch (...) {
      stop_at_error();
    }
  }

  void stop_at_error() {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    room_.notify_all();
  }

  bool next(Piece& piece, uint64_t& number) {
    const std::lock_guard taking(taking_);
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [this] { return error_ || taken_ < given_ + most_; });
      if (error_ || ended_) return false;
    }
    try {
      if (take_(piece)) {
        number = taken_++;
        return true;
      }
    } catch (...) {
      // While `taking` is held: a source must not be called again after its first error.
      stop_at_error();
      throw;
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    return false;
  }

  // The thread that finishes the next piece in order gives it, and the finished pieces behind it.
  void hand_on(Piece&& piece, uint64_t number) {
    std::unique_lock lock(mutex_);
    done_.emplace(number, std::move(piece));
    if (giving_) return;
    giving_ = true;
    while (!error_ && !done_.empty() && done_.begin()->first == given_) {
      const auto due = done_.extract(done_.begin());
      lock.unlock();
      give_(due.mapped());
      lock.lock();
      ++given_;
      room_.notify_all();
    }
    giving_ = false;
  }

  Take take_;
  Work work_;
  Give give_;
  const uint64_t most_;
  std::mutex taking_, mutex_;
  std::condition_variable room_;
  std::map<uint64_t, Piece> done_;
  uint64_t taken_ = 0, given_ = 0;  // taken_: changed under taking_ alone
  bool ended_ = false, giving_ = false;
  std::exception_ptr error_;
};

template <class Piece, class Take, class Work, class Give>
void work_in_order(int threads, Take take, Work work, Give give) {
  OrderedWorkers<Piece, Take, Work, Give>(threads, std::move(take), std::move(work), std::move(give));
}

}  // namespace encore
