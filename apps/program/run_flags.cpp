#include "apps/program/run_flags.h"

#include "apps/program/device_flags.h"
#include "apps/program/output_path.h"

namespace encore {

void add_output_flag(Cli& cli, const std::string& help) {
  cli.text(kStart, "output", help, "DIR").written().may_change_on_resume().often();
}

void add_saving_flags(Cli& cli) {
  cli.flag(kSaving, "resume", "continue the run in --output from its newest state, with its own flags")
      .may_change_on_resume()
      .often();
  cli.text(kSaving, "resume-from", "resume from this state, not from the newest; later states are set aside", "step-N")
      .may_change_on_resume();
  cli.number(kSaving, "save-minutes", "minutes between states to resume from; 0: by --save-every alone", 30, 0, 1e6)
      .may_change_on_resume();
  cli.integer(kSaving, "save-every", "steps between states to resume from; 0: by --save-minutes alone", 0, 0,
              int64_t(1) << 40)
      .may_change_on_resume();
  cli.integer(kSaving, "keep", "newest states to keep (the best one stays too)", 2, 1, 1 << 20).may_change_on_resume();
  cli.choice(kSaving, "on-save-error",
             "a file that cannot be written: stop ends the run (74), continue warns and tries again",
             {"stop", "continue"}, "stop")
      .may_change_on_resume();
}

void add_nonfinite_flag(Cli& cli) {
  cli.choice(kSaving, "on-nonfinite",
             "a loss or gradient that is not finite: stop ends the run (70), skip leaves the step out; three in a row "
             "end the run",
             {"stop", "skip"}, "stop")
      .may_change_on_resume();
}

void add_reduce_flag(Cli& cli) {
  cli.choice(kSpeedFlags, "reduce-dtype",
             "precision in which gradients travel between GPUs; bf16 halves the traffic and rounds the sums",
             {"fp32", "bf16"}, "fp32");
}

OnNonFinite on_nonfinite(const Cli& cli) {
  return cli.get("on-nonfinite") == "skip" ? OnNonFinite::kSkip : OnNonFinite::kStop;
}
OnSaveError on_save_error(const Cli& cli) {
  return cli.get("on-save-error") == "continue" ? OnSaveError::kContinue : OnSaveError::kStop;
}
DType reduce_dtype(const Cli& cli) {
  return cli.get("reduce-dtype") == "bf16" ? DType::kBF16 : DType::kF32;
}

bool resumes(const Cli& cli) {
  return cli.get_flag("resume") || !cli.get("resume-from").empty();
}

bool parse_run_flags(const std::function<Cli()>& declare, int argc, char** argv, Cli& cli) {
  cli = declare();
  if (!cli.parse(argc, argv)) return false;
  const std::string output = cli.get("output");
  check(!resumes(cli) || !output.empty(), "--resume needs --output: the folder of the run to continue");
  const bool goes_on = !output.empty() && RunFolder::check_output(output, cli.program(), resumes(cli));
  if (cli.declares("dry-run") && cli.get_flag("dry-run")) {
    check(!goes_on,
          "--dry-run is for a run that has not begun, and --output {} holds one: leave out --resume and name another",
          output);
    cli.set("resume", "false");
    cli.set("resume-from", "");
  }
  if (goes_on) {
    std::vector<std::string> words{argv[0], "--config=" + output + "/config.json"};
    words.insert(words.end(), argv + 1, argv + argc);
    std::vector<const char*> pointers;
    for (const std::string& w : words) pointers.push_back(w.c_str());
    cli = declare();
    cli.parse(int(pointers.size()), pointers.data());
  }
  const auto given = [&](const char* flag) { return cli.declares(flag) && cli.given(flag); };
  check(goes_on || !resumes(cli) || given("model") || given("train"),
        "--resume: {} holds no run: name the folder of a run, or give {}--train to begin one there", output,
        cli.declares("model") ? "--model and " : "");
  check_folders_apart(cli);
  return true;
}

OutputSpec output_spec(const Cli& cli, const std::string& stem) {
  OutputSpec output{.folder = cli.get("output"),
                    .stem = stem,
                    .program = cli.program(),
                    .resume = resumes(cli),
                    .resume_from = cli.get("resume-from"),
                    .config = cli.repeatable(),
                    .fixed_on_resume = cli.fixed_on_resume(),
                    .other_names = cli.other_names()};
  output.config["resume"] = false;
  output.config["resume-from"] = "";
  return output;
}

}  // namespace encore
