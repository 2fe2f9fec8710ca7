#include "train/finetune_log.h"

namespace encore {

void log_step(StepLog& log, const std::string& group, const StepResult& r) {
  log.write_event({{"epoch", r.epoch}, {"loss", r.loss}, {"lr", r.lr}, {"grad_norm", r.grad_norm}}, group, r.step);
}

void log_epoch(StepLog& log, const std::string& group, uint64_t seed, int64_t step, const SeedRun::Epoch& epoch) {
  log.write({{"dev_accuracy", epoch.dev.accuracy},
             {"dev_macro_f1", epoch.dev.macro_f1},
             {"dev_micro_f1", epoch.dev.micro_f1},
             {"epoch", epoch.number},
             {"loss", epoch.loss},
             {"seconds", epoch.seconds},
             {"seed", seed}},
            {{"eval_accuracy", epoch.dev.accuracy},
             {"eval_macro_f1", epoch.dev.macro_f1},
             {"eval_micro_f1", epoch.dev.micro_f1},
             {"train_loss", epoch.loss}},
            group, step);
}

}  // namespace encore
