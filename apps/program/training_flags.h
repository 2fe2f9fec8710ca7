// The flags of dapt_train and tapt_train, their presets, and the run that they ask for.
#pragma once

#include "apps/program/cli.h"
#include "train/run_spec.h"

namespace encore {

enum class Recipe { kDapt, kTapt };  // which defaults

const char* name_of(Recipe);  // "dapt"

Cli training_cli(Recipe);

// Reads the command line and --model's config.json. Without --model and --train it is the bundled example. Throws Error
// for values that contradict each other. Absent: --help was printed.
std::optional<RunSpec> read_run_spec(Recipe, int argc, char** argv);

}  // namespace encore
