#include "model/embeddings.h"

namespace encore {

Embeddings::Embeddings(const EncoderConfig& c, ParamStore& params)
    : params_(params),
      positions_(c.family->positions),
      eps_(c.layer_norm_eps),
      dropout_(c.hidden_dropout_prob),
      padding_id_(c.pad_token_id) {
  const EmbeddingNames& names = c.family->embeddings;
  const auto table = [&](std::string_view name, int64_t rows) -> NewParameter {
    return {.name = std::string(name), .shape = {rows, c.hidden_size}, .init = Init::kNormal, .decay = true};
  };
  NewParameter word = table(names.word, c.vocab_size), position = table(names.position, c.max_position_embeddings);
  // Padding rows behind the vocabulary make the decoder's width a multiple of 64; they stay 0.
  word.padded_rows = c.padded_vocab();
  word.zero_row = padding_id_;
  if (positions_ == PositionRule::kAfterPadding) position.zero_row = padding_id_;
  word_ = params.add(word);
  position_ = params.add(position);
  type_ = params.add(table(names.token_type, c.type_vocab_size));
  norm_ = params.add_norm(names.norm, c.hidden_size);
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
          .gamma = params_.weight(norm_.gamma),
          .beta = params_.weight(norm_.beta),
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
  // embedding_backward leaves out the gradient of row padding_id in both tables. Under another rule, tokens that are
  // not padding read that row of the position table.
  check(positions_ == PositionRule::kAfterPadding,
        "embeddings whose positions start at 0 cannot be trained: the gradient of row {} of the position table is left "
        "out",
        padding_id_);
  embedding_backward(step.backend, {.dy = dy,
                                    .forward = arguments(step, saved),
                                    .word_segments = step.batch.word_segments,
                                    .position_segments = step.batch.position_segments,
                                    .dword = params_.gradient(word_),
                                    .dposition = params_.gradient(position_),
                                    .dtype = params_.gradient(type_),
                                    .dgamma = params_.gradient(norm_.gamma),
                                    .dbeta = params_.gradient(norm_.beta),
                                    .padding_id = padding_id_});
}

}  // namespace encore
