// Communication between the ranks of a run. A process is a rank.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace encore {

class Collectives;

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int local_rank() const = 0;  // among the ranks of this machine
  virtual int local_size() const = 0;
  bool root() const { return rank() == 0; }

  // Sums over all ranks, in place; every rank gets the same bits.
  virtual void all_reduce_sum(std::span<float>) = 0;
  virtual void all_reduce_sum(std::span<double>) = 0;
  virtual void all_reduce_sum(std::span<int64_t>) = 0;
  virtual void all_reduce_max(std::span<int64_t>) = 0;
  virtual void broadcast(std::span<char>, int from) = 0;
  // On rank 0 the bytes of every rank, in the order of ranks; on the others nothing.
  virtual std::vector<std::string> gather(std::string_view mine) = 0;
  virtual void barrier() = 0;
  // Sums over ranks in device memory; null: the ranks have no devices.
  virtual Collectives* collectives() { return nullptr; }
  // Ends every rank of the run with this exit code. For a rank that fails while the others wait for it.
  [[noreturn]] virtual void abort(int exit_code) = 0;
  // For messages: "1 process", "8 ranks over MPI (Open MPI 4.1.4)".
  virtual std::string description() const = 0;
};

// The largest value of any rank, on every rank: "does one of them want to stop?", or what rank 0 alone knows.
int64_t max_over_ranks(int64_t mine, Communicator&);
// Rank 0's text on every rank; that of the others does not count.
std::string text_of_root(std::string text, Communicator&);

// Under mpirun: opens libencore_mpi.so beside the program and calls MPI_Init. Otherwise: a communicator of one process.
// Throws Error naming the library if it cannot be opened.
std::unique_ptr<Communicator> make_communicator();

// A communicator of one process, whatever started it.
std::unique_ptr<Communicator> one_process();

// true: this process was started by mpirun, srun --mpi or a similar launcher.
bool under_mpi();

// This process's rank and the number of ranks as the launcher's environment has them, without opening MPI. size is 2 or
// more where a launcher gives a rank but no number; {0, 1} without a launcher.
struct LauncherRank {
  int rank = 0, size = 1;
};
LauncherRank launcher_rank();

// The number of threads for this rank, at least 1: the processors that the process may run on and the CPU quota of its
// control groups, each divided among the ranks of this machine (kernels/base/usable_cores.h).
int threads_for_rank(const Communicator&);

}  // namespace encore
