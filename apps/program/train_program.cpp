#include "apps/program/train_program.h"

#include "apps/program/run_program.h"
#include "apps/program/run_report.h"
#include "train/pretraining.h"
#include "train/signals.h"
#include "train/standard_streams.h"

namespace encore {

int train_program(Recipe recipe, int argc, char** argv) {
  const std::string name = fmt::format("{}_train", name_of(recipe));
  return run_over_ranks(name.c_str(), [&](Communicator& comm) {
    std::optional<RunSpec> spec = read_run_spec(recipe, argc, argv);
    if (!spec) return 0;
    if (!spec->dry_run) {
      install_stop_signals();
      drop_unwritable_output();
    }
    return exit_code(pretrain(std::move(*spec), comm, report_of_run));
  });
}

}  // namespace encore
