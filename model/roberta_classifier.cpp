#include "model/classification_head.h"
#include "model/roberta_model.h"

namespace encore {
namespace {

std::unique_ptr<Model> make(const RobertaConfig& config, int num_labels, Backend& backend, DType compute, Mode mode,
                            bool with_memory) {
  return std::make_unique<RobertaModel>(
      config, backend, compute, mode,
      [&](const RobertaConfig& c, ParamStore& params, const Encoder&) {
        return std::make_unique<ClassificationHead>(c, num_labels, params);
      },
      with_memory);
}

}  // namespace

std::unique_ptr<Model> make_classifier(const RobertaConfig& config, int num_labels, Backend& backend, DType compute,
                                       Mode mode) {
  return make(config, num_labels, backend, compute, mode, true);
}
std::unique_ptr<Model> outline_classifier(const RobertaConfig& config, int num_labels, Backend& backend, DType compute,
                                          Mode mode) {
  return make(config, num_labels, backend, compute, mode, false);
}

}  // namespace encore
