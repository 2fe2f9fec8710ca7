// The masked-LM head of RoBERTa, on the target rows only:
//   logits = LayerNorm(gelu(x W^T + b)) E^T + bias,   E the word embeddings (tied).
// The logits are computed for a block of rows at a time, so that their memory does not grow with the batch.
#pragma once

#include "model/head.h"

namespace encore {

class MlmHead : public Head {
 public:
  static constexpr int64_t kBlockRows = DeviceBatch::kReadBlock;

  // Registers dense layer, LayerNorm and decoder bias under the family's names (RoBERTa: lm_head.dense,
  // lm_head.layer_norm, lm_head.bias).
  MlmHead(const EncoderConfig&, ParamStore&, int word_embeddings);

  std::string architecture() const override { return std::string(names_.architecture); }
  ReadRows read_rows() const override { return ReadRows::kTargets; }
  int64_t classes() const override { return vocab_; }
  Tensor logit_bias() const override { return params_.weight(decoder_bias_); }

  Saved plan(Arena& saved, int64_t rows) const override;
  void plan_scratch(Arena& scratch, int64_t rows, bool training) const override;
  void forward(Step&, const Saved&, Tensor x) const override;
  void evaluate(Step&, const Saved&, const LossTensors&) const override;
  void backward(Step&, const Saved&, Tensor x, const LossTensors&, Tensor dx) const override;
  void logits(Step&, const Saved&, const LogitVisitor&) const override;

 private:
  Tensor take_logits(Arena& scratch, int64_t rows) const;
  template <class F>
  void for_each_block(Step&, const Saved&, F&& f) const;  // f(first row, logits of the block)
  CrossEntropy loss(Step&, const LossTensors&, int64_t first, Tensor logits) const;

  ParamStore& params_;
  MlmHeadNames names_;
  int64_t hidden_, vocab_, padded_vocab_;
  float eps_;
  DenseParameters dense_;
  NormParameters norm_;
  int word_, decoder_bias_;
};

}  // namespace encore
