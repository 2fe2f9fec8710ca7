// Threads that take pieces of work from one source and put the results back in the order of the source: reading,
// computing and writing overlap, and no thread waits while there is something to do.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace encore {

// take(piece): fills in the next piece, or returns false at the end; called by one thread at a time.
// work(piece): by all threads at once. give(piece): by one thread at a time, in the order of take().
// At most four pieces a thread are under way, so memory is bounded. The first exception of any of the three ends the
// work and is thrown here, when all threads have come to rest.
template <class Piece, class Take, class Work, class Give>
class OrderedWorkers {
 public:
  OrderedWorkers(int threads, Take take, Work work, Give give)
      : take_(std::move(take)), work_(std::move(work)), give_(std::move(give)), most_(4 * uint64_t(threads)) {
    std::vector<std::thread> team;
    // The calling thread works too.
    for (int t = 1; t < threads; ++t) team.emplace_back([this] { run(); });
    run();
    for (std::thread& thread : team) thread.join();
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
      // Before another thread may take: what a source says after its first error is of no use.
      stop_at_error();
      throw;
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    return false;
  }

  // Whoever finishes the piece that is due gives it, and those that wait behind it.
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
