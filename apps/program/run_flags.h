// The flags of every program that trains: where the run is written, how it stops and goes on, how ranks sum.
#pragma once

#include <functional>

#include "apps/program/cli.h"
#include "train/output_spec.h"
#include "train/training_run.h"

namespace encore {

// Headings of --help.
inline constexpr const char* kStart = "Start a run";
inline constexpr const char* kSaving = "Stop and go on";

// Declares --output.
void add_output_flag(Cli&, const std::string& help);
// Declares --resume, --resume-from, --save-minutes, --save-every, --keep, --on-save-error and --on-nonfinite under
// kSaving.
void add_saving_flags(Cli&);
// Declares --reduce-dtype.
void add_reduce_flag(Cli&);

OnNonFinite on_nonfinite(const Cli&);
OnSaveError on_save_error(const Cli&);
DType reduce_dtype(const Cli&);

bool resumes(const Cli&);
// Parses the command line. A resumed run's own flags hold again where the command line is silent. False: --help was
// printed. Throws Error where --output holds a run that is not resumed.
bool parse_run_flags(const std::function<Cli()>& declare, int argc, char** argv, Cli&);

// To be called when every flag has its value in force.
OutputSpec output_spec(const Cli&, const std::string& stem);

}  // namespace encore
