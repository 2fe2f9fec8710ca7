// The flags of dapt_train and tapt_train, their presets, and the run that they ask for.
#pragma once

#include "apps/program/cli.h"
#include "train/run_spec.h"

namespace encore {

enum class Recipe { kDapt, kTapt };  // which defaults

const char* name_of(Recipe);  // "dapt"

Cli training_cli(Recipe);

// Reads --model's config.json too. A resumed run's own flags hold again where the command line is silent; no flag at
// all stands for the bundled example. Throws Error when values cannot hold together.
// Absent: --help was printed.
std::optional<RunSpec> read_run_spec(Recipe, int argc, char** argv);

}  // namespace encore
