// The flags of every program that trains: the output folder, saving and resuming, the sums over ranks.
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
// Declares --resume, --resume-from, --save-minutes, --save-every, --keep and --on-save-error under kSaving.
void add_saving_flags(Cli&);
// Declares --on-nonfinite under kSaving.
void add_nonfinite_flag(Cli&);
// Declares --reduce-dtype.
void add_reduce_flag(Cli&);

OnNonFinite on_nonfinite(const Cli&);
OnSaveError on_save_error(const Cli&);
DType reduce_dtype(const Cli&);

bool resumes(const Cli&);
// Parses the command line; of a resumed run the flags of its config.json first. False: --help was printed. Throws Error
// where --output holds something that this run did not write, or lies in the folder of --model, and for --resume of a
// folder without a run where neither --model nor --train says what to begin there.
bool parse_run_flags(const std::function<Cli()>& declare, int argc, char** argv, Cli&);

// REQUIRES that every flag has its value in force.
OutputSpec output_spec(const Cli&, const std::string& stem);

}  // namespace encore
