#include "train/vampire/vampire_log.h"

#include <fmt/format.h>

namespace encore {

nlohmann::ordered_json step_line(const VampireEpochs::Step& step, const RunState& state, double epoch, double lr,
                                 double seconds) {
  return {{"step", state.step},
          {"epoch", epoch},
          {"loss", step.loss},
          {"kl", step.means.kl},
          {"nll", step.means.nll},
          {"kl_weight", step.kl_weight},
          {"lr", lr},
          {"grad_norm", step.grad_norm},
          {"documents", step.means.documents},
          {"documents_per_second", double(step.means.documents) / seconds},
          {"seconds", state.seconds}};
}

nlohmann::ordered_json epoch_line(const VampireEpochs::Epoch& epoch, const RunState& state, bool held_out) {
  return {{"step", state.step},
          {"epoch", epoch.number},
          {"eval_name", held_out ? "held-out" : "dev"},
          {"eval_loss", epoch.dev.loss(1)},
          {"eval_kl", epoch.dev.kl},
          {"eval_nll", epoch.dev.nll},
          {"eval_npmi_standard", epoch.topics.npmi_standard},
          {"eval_npmi_vampire", epoch.topics.npmi_vampire},
          {"eval_documents", epoch.dev.documents},
          {"best", epoch.best},
          {"epoch_loss", epoch.train.loss(epoch.kl_weight)},
          {"epoch_kl", epoch.train.kl},
          {"epoch_nll", epoch.train.nll},
          {"epoch_seconds", epoch.seconds},
          {"eval_seconds", epoch.eval_seconds}};
}

std::string epoch_text(const VampireEpochs::Epoch& epoch, int64_t epochs) {
  return fmt::format(
      "epoch {}/{}  loss {:.3f} (KL {:.3f} x {:.4g}, NLL {:.3f})  dev loss {:.3f}  NPMI {:.4f} standard, {:.4f} "
      "vampire  "
      "{:.1f} s{}",
      epoch.number, epochs, epoch.train.loss(epoch.kl_weight), epoch.train.kl, epoch.kl_weight, epoch.train.nll,
      epoch.dev.loss(1), epoch.topics.npmi_standard, epoch.topics.npmi_vampire, epoch.seconds + epoch.eval_seconds,
      epoch.best ? "  best so far" : "");
}

std::string topics_text(const VampireProgress& progress) {
  nlohmann::ordered_json json{{"epoch", progress.best_epoch}};
  json.update(to_json(progress.best));
  return json.dump(1) + "\n";
}

}  // namespace encore
