// Starting ranks from tests.
#pragma once

#include <stdlib.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace encore::test {

// Lets Open MPI start more ranks than there are cores, as any user, in any container. Returns false if there is no
// mpirun or the project was built without MPI.
inline bool prepare_mpirun() {
  if (std::system("mpirun --version >/dev/null 2>&1") != 0 ||
      !std::filesystem::exists(std::string(ENCORE_BINARY_DIR) + "/lib/libencore_mpi.so"))
    return false;
  for (const char* allowed :
       {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"})
    ::setenv(allowed, "1", 1);
  ::setenv("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe", 1);  // Open MPI 5
  ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 1);
  ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // Open MPI's unloaded plugins leak
  return true;
}

struct RanksOutcome {
  int code = -1;     // 128 + signal when killed by one
  std::string said;  // standard output and error of all ranks
};

// Runs the tests of this program that match the filter, disabled ones too, on so many ranks. environment: "NAME=VALUE
// NAME=VALUE", for the ranks only. REQUIRES: prepare_mpirun() returned true.
inline RanksOutcome run_on_ranks(int ranks, const std::string& filter, const std::string& environment = "") {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = environment + " mpirun -n " + std::to_string(ranks) + " '" + self +
                              "' --gtest_also_run_disabled_tests --gtest_filter='" + filter + "' 2>&1";
  RanksOutcome o;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return o;
  char part[4096];
  for (size_t n; (n = std::fread(part, 1, sizeof part, pipe)) > 0;) o.said.append(part, n);
  const int status = ::pclose(pipe);
  o.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return o;
}

}  // namespace encore::test
