#include "apps/program/run_program.h"

#include <stdio_ext.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include "apps/program/heap.h"
#include "apps/program/uncaught.h"
#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "train/rank_checks.h"
#include "train/standard_streams.h"
#include "train/thread_waiting.h"

namespace encore {
namespace {

// Prints the one line of an error and returns the program's exit code. who: "dapt_train", or with its rank.
int report_error(const std::string& who, const std::exception& e) {
  const auto* error = dynamic_cast<const Error*>(&e);
  // fmt::print throws a system_error when standard output cannot be written.
  const auto* unwritten = std::ferror(stdout) ? dynamic_cast<const std::system_error*>(&e) : nullptr;
  const int code = error ? error->exit_code() : unwritten ? 74 : 70;
  const std::string message = dynamic_cast<const std::bad_alloc*>(&e) ? "out of memory"
                              : unwritten ? "standard output: cannot be written: " + unwritten->code().message()
                                          : e.what();
  if (code == 2) ::__fpurge(stdout);
  std::fflush(stdout);
  std::fprintf(stderr, "%s: %s\n", who.c_str(), one_line(message).c_str());
  std::fflush(stderr);
  return code;
}

// Ranks tend to fail alike (a flag, a file). The others wait until rank 0 has printed its line and ended them, so that
// one line appears and not one a rank.
void let_rank_0_go_first(int rank) {
  if (rank != 0) std::this_thread::sleep_for(std::chrono::seconds(2));
}

}  // namespace

int run_program(const char* name, const std::function<int()>& body) {
  report_uncaught();
  wait_politely();
  open_standard_descriptors();
  return_large_blocks();
  // Without this a file-size limit would end the process; ignored, the write fails as on a full disk (74).
  ::signal(SIGXFSZ, SIG_IGN);
  buffer_output();
  try {
    const int code = body();
    check_output_written();
    return code;
  } catch (const std::exception& e) {
    return report_error(name, e);
  }
}

int run_as_one_process(const char* name, const std::function<int()>& body) {
  const LauncherRank place = launcher_rank();
  if (place.size > 1 && place.rank != 0) {
    let_rank_0_go_first(place.rank);
    return 2;
  }
  return run_program(name, [&] {
    check(place.size == 1, "this program works as one process: start it without mpirun");
    return body();
  });
}

int run_over_ranks(const char* name, const std::function<int(Communicator&)>& body) {
  return run_program(name, [&] {
    const std::unique_ptr<Communicator> comm = make_communicator();
    if (!comm->root() && !std::freopen("/dev/null", "w", stdout)) fail("/dev/null cannot be opened");
    try {
      const int code = body(*comm);
      check_ranks_end(*comm);
      return code;
    } catch (const std::exception& e) {
      if (comm->size() == 1) throw;
      let_rank_0_go_first(comm->rank());
      // A return would leave the others waiting for this rank in a sum.
      const int code = report_error(comm->root() ? name : fmt::format("{} (rank {})", name, comm->rank()), e);
      comm->abort(code);
      return code;
    }
  });
}

}  // namespace encore
