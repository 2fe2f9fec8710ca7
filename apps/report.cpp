// report: run folders in, one HTML page out.
#include "apps/program/output_path.h"
#include "apps/program/run_program.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/in_quotes.h"
#include "report/frame.h"
#include "report/reported_run.h"

namespace encore {
namespace {

int run(int argc, char** argv) {
  Cli cli(
      "report",
      "writes an HTML page about a run of dapt_train, tapt_train, finetune or vampire_train, or about several side by "
      "side: curves, before and after, where the text went, topics, flags. One file; nothing is loaded from a network.",
      "report runs/dapt-1");
  cli.example("several runs over one another:", "report runs/lr-1e-4 runs/lr-5e-4 --output compare.html");
  cli.positional("RUN", "folders of runs");
  cli.text("Output", "output", "the page [RUN/report.html, of several runs report.html]", "FILE").written();
  if (!cli.parse(argc, argv)) return 0;
  const std::vector<std::string> folders = cli.get_list("RUN");
  check(!folders.empty(), "a run folder is needed: report RUN...");
  if (!cli.given("output")) cli.set("output", folders.size() == 1 ? folders.front() + "/report.html" : "report.html");
  const std::string page = report_of_folders(folders), output = output_file(cli, "output", is_page);
  write_file_atomic(output, page);
  fmt::print("{}\n", one_line(cli.get("output")));
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_as_one_process("report", [&] { return encore::run(argc, argv); });
}
