#include "model/mlm_head.h"
#include "model/roberta_model.h"

namespace encore {

std::unique_ptr<Model> make_mlm(const RobertaConfig& config, Backend& backend, DType compute, Mode mode) {
  return std::make_unique<RobertaModel>(config, backend, compute, mode,
                                        [](const RobertaConfig& c, ParamStore& params, const Encoder& encoder) {
                                          return std::make_unique<MlmHead>(c, params, encoder.word_embeddings());
                                        });
}

}  // namespace encore
