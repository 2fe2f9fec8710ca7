#include "optim/communicator.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "kernels/base/check.h"
#include "kernels/base/plugin.h"
#include "kernels/base/program_path.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

class SelfCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  int local_size() const override { return 1; }
  void all_reduce_sum(std::span<float>) override {}
  void all_reduce_sum(std::span<double>) override {}
  void all_reduce_sum(std::span<int64_t>) override {}
  void all_reduce_max(std::span<int64_t>) override {}
  void broadcast(std::span<char>, int) override {}
  std::vector<std::string> gather(std::string_view mine) override { return {std::string(mine)}; }
  void barrier() override {}
  [[noreturn]] void abort(int exit_code) override { std::_Exit(exit_code); }
  std::string description() const override { return "1 process"; }
};

}  // namespace

bool under_mpi() {
  // Open MPI, MPICH's hydra and Slurm's PMIx set these for the processes that they start.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})
    if (std::getenv(name)) return true;
  return false;
}

LauncherRank launcher_rank() {
  constexpr std::pair<const char*, const char*> kNames[] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                                            {"PMI_RANK", "PMI_SIZE"},
                                                            {"PMIX_RANK", "SLURM_STEP_NUM_TASKS"}};
  for (const auto& [rank_name, size_name] : kNames) {
    const char *rank = std::getenv(rank_name), *size = std::getenv(size_name);
    if (!rank) continue;
    const int place = std::atoi(rank);
    return {.rank = place, .size = size ? std::atoi(size) : std::max(2, place + 1)};
  }
  return {};
}

int64_t max_over_ranks(int64_t mine, Communicator& comm) {
  std::array<int64_t, 1> value{mine};
  comm.all_reduce_max(std::span<int64_t>(value));
  return value[0];
}

std::string text_of_root(std::string text, Communicator& comm) {
  text.resize(size_t(max_over_ranks(comm.root() ? int64_t(text.size()) : 0, comm)));
  if (!text.empty()) comm.broadcast(std::span<char>(text), 0);
  return text;
}

std::unique_ptr<Communicator> one_process() {
  return std::make_unique<SelfCommunicator>();
}

std::unique_ptr<Communicator> make_communicator() {
  if (!under_mpi()) return one_process();
  const std::string path = plugin_path("libencore_mpi.so");
  check(!path.empty(),
        "started by mpirun, but libencore_mpi.so is not beside the program: build with MPI installed "
        "(package libopenmpi-dev), or start without mpirun");
  // RTLD_GLOBAL, since Open MPI's own plugins look for its symbols.
  void* library = open_plugin(path, RTLD_NOW | RTLD_GLOBAL, "start without mpirun");
  using Make = Communicator* (*)();
  const auto make = reinterpret_cast<Make>(dlsym(library, "encore_make_mpi_communicator"));
  check(make != nullptr, "{} has no encore_make_mpi_communicator: build the project again", path);
  return std::unique_ptr<Communicator>(make());
}

int threads_for_rank(const Communicator& comm) {
  const int mine = cores_of_affinity(), ranks = comm.local_size();
  const int machine = std::max(1, int(sysconf(_SC_NPROCESSORS_ONLN)));
  // A launcher that pins ranks to cores has divided the cores already. It has not divided the quota of a container.
  const bool pinned = ranks > 1 && mine < machine;
  return std::max(1, std::min(pinned ? mine : mine / ranks, cores_of_quota() / ranks));
}

}  // namespace encore
