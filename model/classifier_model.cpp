#include "model/classification_head.h"
#include "model/encoder_model.h"

namespace encore {
namespace {

std::unique_ptr<Model> make(const EncoderConfig& config, int num_labels, Backend& backend, DType compute, Mode mode,
                            bool with_memory) {
  return std::make_unique<EncoderModel>(
      config, backend, compute, mode,
      [&](const EncoderConfig& c, ParamStore& params, const Encoder&) {
        return std::make_unique<ClassificationHead>(c, num_labels, params);
      },
      with_memory);
}

}  // namespace

std::unique_ptr<Model> make_classifier(const EncoderConfig& config, int num_labels, Backend& backend, DType compute,
                                       Mode mode) {
  return make(config, num_labels, backend, compute, mode, true);
}
std::unique_ptr<Model> outline_classifier(const EncoderConfig& config, int num_labels, Backend& backend, DType compute,
                                          Mode mode) {
  return make(config, num_labels, backend, compute, mode, false);
}

}  // namespace encore
