#include "model/classification_head.h"
#include "model/roberta_model.h"

namespace encore {

std::unique_ptr<Model> make_classifier(const RobertaConfig& config, int num_labels, Backend& backend, DType compute,
                                       Mode mode) {
  return std::make_unique<RobertaModel>(config, backend, compute, mode,
                                        [&](const RobertaConfig& c, ParamStore& params, const Encoder&) {
                                          return std::make_unique<ClassificationHead>(c, num_labels, params);
                                        });
}

}  // namespace encore
