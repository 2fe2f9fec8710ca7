#include "model/encoder_model.h"
#include "model/mlm_head.h"

namespace encore {
namespace {

std::unique_ptr<Model> make(const EncoderConfig& config, Backend& backend, DType compute, Mode mode, bool with_memory) {
  return std::make_unique<EncoderModel>(
      config, backend, compute, mode,
      [](const EncoderConfig& c, ParamStore& params, const Encoder& encoder) {
        return std::make_unique<MlmHead>(c, params, encoder.word_embeddings());
      },
      with_memory);
}

}  // namespace

std::unique_ptr<Model> make_mlm(const EncoderConfig& config, Backend& backend, DType compute, Mode mode) {
  return make(config, backend, compute, mode, true);
}
std::unique_ptr<Model> outline_mlm(const EncoderConfig& config, Backend& backend, DType compute, Mode mode) {
  return make(config, backend, compute, mode, false);
}

}  // namespace encore
