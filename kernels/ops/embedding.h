// Embeddings of a BERT-like encoder: y = dropout(LayerNorm(word[id] + position[position_id] + type[type_id])).
#pragma once

#include "kernels/ops/dropout.h"

namespace encore {

struct EmbeddingForward {
  Tensor ids;                   // in  [1, T] i32, 0 <= id < V
  Tensor position_ids;          // in  [1, T] i32, 0 <= id < P
  Tensor type_ids;              // in  [1, T] i32, optional: all 0
  Tensor word, position, type;  // in  [V, H], [P, H], [Y, H] float, dtype of y
  Tensor gamma, beta;           // in  [1, H] fp32
  Tensor y;                     // out [T, H] float
  Tensor mean, rstd;            // out [1, T] fp32
  Tensor live;                  // in [1, 1] i32, optional: how many tokens count (live_rows.h)
  float eps = 1e-5f;
  RowDropout dropout;
};

// Tokens grouped by the table row that they share, so that one worker sums a row's gradient in a fixed order.
struct RowSegments {
  Tensor order;  // [1, T]   i32: token indices sorted (stably) by id
  Tensor start;  // [1, S+1] i32: segment s is order[start[s]] .. order[start[s+1]]
  Tensor row;    // [1, S]   i32: the table row of segment s, rising; -1: a spare segment, as all after it
};

struct EmbeddingBackward {
  Tensor dy;                       // in     [T, H] float; destroyed
  EmbeddingForward forward;        // in     the inputs, tables, mean and rstd of the forward pass (y unused)
  RowSegments word_segments;       // in
  RowSegments position_segments;   // in
  Tensor dword, dposition, dtype;  // in/out [V, H], [P, H], [Y, H] fp32. Added to.
  Tensor dgamma, dbeta;            // in/out [1, H] fp32. Added to.
  int64_t padding_id = -1;         // this row of word and of position gets no gradient (PyTorch's padding_idx)
};

// Throws Error if a shape above does not hold, an id is not in its table, or segments are not what they must be.
void embedding_forward(Backend&, const EmbeddingForward&);
void embedding_backward(Backend&, const EmbeddingBackward&);

}  // namespace encore
