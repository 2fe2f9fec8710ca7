// Ranks of a run as threads of one process, for sanitizers, which must see all of them, and for machines without MPI.
//
// Between collectives only one rank computes at a time. With several CPU backends that compute at once in one process,
// two or three runs of ten end in std::bad_alloc, thrown in libraries that the sanitizers do not instrument. Real ranks
// are processes and do not meet this.
#pragma once

#include <algorithm>
#include <barrier>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "optim/communicator.h"

namespace encore::test {

class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : size_(size), spans_(size_t(size)), barrier_(size) {}

  // Runs `body` in one thread per rank and waits for all of them. A body must not throw.
  void run(const std::function<void(Communicator&)>& body) {
    std::vector<std::thread> threads;
    for (int r = 0; r < size_; ++r)
      threads.emplace_back([&, r] {
        Rank rank(*this, r);
        body(rank);
      });
    for (std::thread& t : threads) t.join();
  }

 private:
  class Rank final : public Communicator {
   public:
    Rank(ThreadRanks& all, int rank) : all_(all), rank_(rank), turn_(all.turn_) {}
    int rank() const override { return rank_; }
    int size() const override { return all_.size_; }
    int local_rank() const override { return rank_; }
    int local_size() const override { return all_.size_; }
    void all_reduce_sum(std::span<float> x) override { reduce(x, std::plus<float>()); }
    void all_reduce_sum(std::span<double> x) override { reduce(x, std::plus<double>()); }
    void all_reduce_sum(std::span<int64_t> x) override { reduce(x, std::plus<int64_t>()); }
    void all_reduce_max(std::span<int64_t> x) override {
      reduce(x, [](int64_t a, int64_t b) { return std::max(a, b); });
    }
    void broadcast(std::span<char> x, int from) override {
      all_.spans_[size_t(rank_)] = x.data();
      barrier();
      if (rank_ != from) std::memcpy(x.data(), all_.spans_[size_t(from)], x.size());
      barrier();
    }
    std::vector<std::string> gather(std::string_view mine) override {
      all_.spans_[size_t(rank_)] = &mine;
      barrier();
      std::vector<std::string> bytes;
      for (const void* theirs : all_.spans_)
        if (rank_ == 0) bytes.emplace_back(*static_cast<const std::string_view*>(theirs));
      barrier();
      return bytes;
    }
    void barrier() override {
      turn_.unlock();
      all_.barrier_.arrive_and_wait();
      turn_.lock();
    }
    [[noreturn]] void abort(int exit_code) override { std::_Exit(exit_code); }
    std::string description() const override { return "threads"; }

   private:
    // Every rank adds the values of all ranks in rank order, so that all get the same bits.
    template <class T, class Op>
    void reduce(std::span<T> x, Op op) {
      all_.spans_[size_t(rank_)] = x.data();
      barrier();
      const auto of = [&](int rank) { return static_cast<const T*>(all_.spans_[size_t(rank)]); };
      std::vector<T> result(of(0), of(0) + x.size());
      for (int r = 1; r < all_.size_; ++r)
        for (size_t i = 0; i < x.size(); ++i) result[i] = op(result[i], of(r)[i]);
      barrier();
      std::copy(result.begin(), result.end(), x.begin());
    }
    ThreadRanks& all_;
    int rank_;
    std::unique_lock<std::mutex> turn_;
  };

  int size_;
  std::vector<const void*> spans_;
  std::barrier<> barrier_;
  std::mutex turn_;
};

}  // namespace encore::test
