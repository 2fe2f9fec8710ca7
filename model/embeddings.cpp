#include "model/embeddings.h"

namespace encore {

Embeddings::Embeddings(const EncoderConfig& c, ParamStore& params, const std::string& prefix)
    : params_(params), eps_(c.layer_norm_eps), dropout_(c.hidden_dropout_prob), padding_id_(c.pad_token_id) {
  const int64_t hidden = c.hidden_size;
  // Rows set aside behind the vocabulary make the decoder's width a multiple of 64; they stay 0.
  word_ = params.add(prefix + ".word_embeddings.weight", {c.vocab_size, hidden}, Init::kNormal, true, false,
                     c.padded_vocab());
  position_ =
      params.add(prefix + ".position_embeddings.weight", {c.max_position_embeddings, hidden}, Init::kNormal, true);
  type_ = params.add(prefix + ".token_type_embeddings.weight", {c.type_vocab_size, hidden}, Init::kNormal, true);
  gamma_ = params.add(prefix + ".LayerNorm.weight", {hidden}, Init::kOne, false);
  beta_ = params.add(prefix + ".LayerNorm.bias", {hidden}, Init::kZero, false);
  params.set_zero_row(word_, padding_id_);
  params.set_zero_row(position_, padding_id_);
}

Embeddings::Saved Embeddings::plan(Arena& saved, int64_t tokens) const {
  return {.mean = saved.take("embeddings: mean", DType::kF32, 1, tokens),
          .rstd = saved.take("embeddings: rstd", DType::kF32, 1, tokens)};
}

EmbeddingForward Embeddings::arguments(Step& step, const Saved& saved) const {
  const DeviceBatch& b = step.batch;
  return {.ids = b.ids,
          .position_ids = b.position_ids,
          .type_ids = b.type_ids,
          .word = params_.compute(word_),
          .position = params_.compute(position_),
          .type = params_.compute(type_),
          .gamma = params_.weight(gamma_),
          .beta = params_.weight(beta_),
          .mean = saved.mean,
          .rstd = saved.rstd,
          .live = step.live(false),
          .eps = eps_,
          .dropout = step.row_dropout(dropout_, 0, Site::kEmbedding, b.rows)};
}

void Embeddings::forward(Step& step, const Saved& saved, Tensor y) const {
  EmbeddingForward a = arguments(step, saved);
  a.y = y;
  embedding_forward(step.backend, a);
}

void Embeddings::backward(Step& step, const Saved& saved, Tensor dy) const {
  embedding_backward(step.backend, {.dy = dy,
                                    .forward = arguments(step, saved),
                                    .word_segments = step.batch.word_segments,
                                    .position_segments = step.batch.position_segments,
                                    .dword = params_.gradient(word_),
                                    .dposition = params_.gradient(position_),
                                    .dtype = params_.gradient(type_),
                                    .dgamma = params_.gradient(gamma_),
                                    .dbeta = params_.gradient(beta_),
                                    .padding_id = padding_id_});
}

}  // namespace encore
