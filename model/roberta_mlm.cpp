#include "model/mlm_head.h"
#include "model/roberta_model.h"

namespace encore {
namespace {

std::unique_ptr<Model> make(const RobertaConfig& config, Backend& backend, DType compute, Mode mode, bool with_memory) {
  return std::make_unique<RobertaModel>(
      config, backend, compute, mode,
      [](const RobertaConfig& c, ParamStore& params, const Encoder& encoder) {
        return std::make_unique<MlmHead>(c, params, encoder.word_embeddings());
      },
      with_memory);
}

}  // namespace

std::unique_ptr<Model> make_mlm(const RobertaConfig& config, Backend& backend, DType compute, Mode mode) {
  return make(config, backend, compute, mode, true);
}
std::unique_ptr<Model> outline_mlm(const RobertaConfig& config, Backend& backend, DType compute, Mode mode) {
  return make(config, backend, compute, mode, false);
}

}  // namespace encore
