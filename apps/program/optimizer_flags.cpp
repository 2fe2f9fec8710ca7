#include "apps/program/optimizer_flags.h"

#include "apps/program/run_flags.h"

namespace encore {

void add_schedule_flags(Cli& cli, double default_lr) {
  cli.number(kLearning, "lr", "peak learning rate; small models want a larger one (1e-3 for encore-mini)", default_lr,
             0, 10)
      .often();
  cli.number(kLearning, "warmup-ratio", "share of the steps in which the learning rate rises from 0", 0.06, 0, 1);
  cli.choice(kLearning, "schedule",
             "course of the learning rate after the warmup (wsd, or warmup-stable-decay: constant, then down at the "
             "end)",
             {"linear", "cosine", "polynomial", "constant", "wsd", "warmup-stable-decay"}, "linear");
  cli.number(kFinePoints, "end-lr", "last learning rate of polynomial and wsd", 0, 0, 10);
  cli.number(kFinePoints, "power", "exponent of polynomial", 1, 0, 100);
  cli.number(kFinePoints, "decay-ratio", "wsd: share of the steps in which the learning rate falls", 0.1, 0, 1);
}

void add_adamw_flags(Cli& cli, const AdamWOptions& defaults) {
  cli.number(kFinePoints, "weight-decay", "decoupled weight decay of matrices and embeddings", defaults.weight_decay, 0,
             10);
  cli.number(kFinePoints, "clip", "largest global norm of the gradient; 0: no clipping", defaults.clip, 0, 1e9);
  cli.number(kFinePoints, "adam-beta1", "decay of the first moment", defaults.beta1, 0, 0.9999999);
  cli.number(kFinePoints, "adam-beta2", "decay of the second moment", defaults.beta2, 0, 0.9999999);
  cli.number(kFinePoints, "adam-eps", "added to the root of the second moment", defaults.eps, 1e-30, 1);
}

StepOptions step_options(const Cli& cli) {
  const StepOptions o{.seed = uint64_t(cli.get_integer("seed")),
                      .warmup_ratio = cli.get_number("warmup-ratio"),
                      .decay_ratio = cli.get_number("decay-ratio"),
                      .schedule = {.kind = parse_schedule(cli.get("schedule")),
                                   .lr = cli.get_number("lr"),
                                   .end_lr = cli.get_number("end-lr"),
                                   .power = cli.get_number("power")},
                      .adamw = {.beta1 = cli.get_number("adam-beta1"),
                                .beta2 = cli.get_number("adam-beta2"),
                                .eps = cli.get_number("adam-eps"),
                                .weight_decay = cli.get_number("weight-decay"),
                                .clip = cli.get_number("clip"),
                                .legacy_decay = cli.declares("legacy-decay") && cli.get_flag("legacy-decay")},
                      .on_nonfinite = on_nonfinite(cli),
                      .reduce_dtype = reduce_dtype(cli)};
  check(o.schedule.end_lr <= o.schedule.lr, "--end-lr {:g} is above --lr {:g}", o.schedule.end_lr, o.schedule.lr);
  return o;
}

}  // namespace encore
