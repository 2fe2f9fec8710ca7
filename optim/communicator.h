// Communication between the ranks of a run. A process is a rank.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

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
  virtual void barrier() = 0;
  // Sums over ranks in device memory; null: the ranks have no devices.
  virtual Collectives* collectives() { return nullptr; }
  // Ends every rank of the run with this exit code. For a rank that fails while the others wait for it.
  [[noreturn]] virtual void abort(int exit_code) = 0;
  // For messages: "1 process", "8 ranks over MPI (Open MPI 4.1.4)".
  virtual std::string description() const = 0;
};

// Under mpirun: opens libencore_mpi.so beside the program and calls MPI_Init. Otherwise: a communicator of one process.
// Throws Error naming the library if it cannot be opened.
std::unique_ptr<Communicator> make_communicator();

// true: this process was started by mpirun, srun --mpi or a similar launcher.
bool under_mpi();

// The number of threads for this rank, at least 1: the processors that the process may run on, divided among the ranks
// of this machine.
int threads_for_rank(const Communicator&);

}  // namespace encore
