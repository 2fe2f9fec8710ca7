// The flags of dapt_train and tapt_train, their presets, and what the flags mean to the parts of a run.
#pragma once

#include "apps/program/cli.h"
#include "data/sequences/dataset.h"
#include "data/sequences/masking.h"
#include "model/config.h"
#include "train/trainer.h"
#include "train/training_run.h"

namespace encore {

enum class Recipe { kDapt, kTapt };  // which defaults

Cli training_cli(Recipe);

DatasetOptions train_dataset_options(const Cli&, int threads);
// Of the text that the loss is measured on: --eval, or without it the corpus of --train, whose held-out side is meant.
// Whole documents, cut into windows whatever --mode says: what mlm_eval measures, comparable among runs.
DatasetOptions eval_dataset_options(const Cli&, int threads);
MaskingOptions masking_options(const Cli&);
MaskingOptions eval_masking_options(const Cli&);  // fixed seed, 80/10/10
// examples: of one pass over the corpus. Throws Error when the values cannot hold together.
StepOptions step_options(const Cli&, int64_t examples);
RunOptions run_options(const Cli&, int64_t steps);

// --dropout and --attention-dropout over the checkpoint's own; --seq-length against the model's positions.
// Throws Error naming flag and model.
void apply_model_flags(Cli&, EncoderConfig&);

}  // namespace encore
