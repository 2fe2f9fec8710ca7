#include "apps/program/train_program.h"

#include <chrono>
#include <thread>

#include "report/reported_run.h"
#include "train/pretraining.h"
#include "train/signals.h"

namespace encore {
namespace {

// A rank that fails alone would leave the others waiting for ever. All ranks tend to fail alike (a flag, a file): the
// others give rank 0 the time to say it, so that one line appears and not one a rank.
[[noreturn]] void fail_together(const char* name, Communicator& comm, const std::exception& e) {
  const auto* error = dynamic_cast<const Error*>(&e);
  const int code = error ? error->exit_code() : 70;
  if (!comm.root()) std::this_thread::sleep_for(std::chrono::seconds(2));
  std::fflush(stdout);
  std::fprintf(stderr, comm.root() ? "%s: %s\n" : "%s: %s (rank %d)\n", name, e.what(), comm.rank());
  std::fflush(stderr);
  comm.abort(code);
  std::_Exit(code);
}

}  // namespace

int train_program(Recipe recipe, int argc, char** argv) {
  const std::string name = fmt::format("{}_train", name_of(recipe));
  return run_program(name.c_str(), [&] {
    const std::unique_ptr<Communicator> comm = make_communicator();
    if (!comm->root() && !std::freopen("/dev/null", "w", stdout)) fail("/dev/null cannot be opened");
    try {
      std::optional<RunSpec> spec = read_run_spec(recipe, argc, argv);
      if (!spec) return 0;
      if (!spec->dry_run) install_stop_signals();
      return exit_code(pretrain(std::move(*spec), *comm, [](const std::string& folder) -> ReportMaker {
        return [report = std::make_shared<RunReport>(folder)](bool last) { return report->refresh(last); };
      }));
    } catch (const std::exception& e) {
      if (comm->size() == 1) throw;
      fail_together(name.c_str(), *comm, e);
    }
  });
}

}  // namespace encore
