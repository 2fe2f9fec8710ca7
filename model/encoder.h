// The encoder: embeddings and a stack of layers.
#pragma once

#include <functional>
#include <vector>

#include "model/embeddings.h"
#include "model/encoder_layer.h"

namespace encore {

struct EncoderRows {
  int64_t tokens = 0;          // T
  int64_t read = 0;            // R: rows that the head reads
  bool complete_last = false;  // the last layer computes all T rows
  bool keep_for_backward = false;

  int64_t last() const { return complete_last ? tokens : read; }
};

class Encoder {
 public:
  // Registers the embeddings and the layers under the family's names.
  Encoder(const EncoderConfig&, ParamStore&);

  struct Saved {
    Embeddings::Saved embeddings;
    std::vector<EncoderLayer::Saved> layers;
    std::vector<Tensor> hidden;  // [T, H] of the embeddings and of each layer; the last one [last(), H]
  };
  // Without keep_for_backward all layers share the memory of one layer, and one buffer for the hidden states: a layer
  // writes its output after the last read of its input.
  void plan(Arena& saved, const EncoderRows&, Saved& out) const;
  void plan_backward_scratch(Arena& scratch, const EncoderRows&, DType) const;

  // Visits hidden states 0 (embeddings) .. L as they are computed.
  using Visitor = std::function<void(int, Tensor)>;
  void forward(Step&, const Saved&, const Visitor& visit = {}) const;
  // dlast [last(), H]: gradient of the last hidden states, destroyed. d [T, H]: working memory; with complete_last it
  // must be dlast itself.
  void backward(Step&, const Saved&, Tensor dlast, Tensor d) const;

  int word_embeddings() const { return embeddings_.word(); }
  // The element of the flat buffer at which a layer's parameters begin. The embeddings lie before layer 0.
  int64_t layer_offset(size_t layer) const { return params_.parameters()[size_t(first_parameter_[layer])].offset; }

 private:
  LayerRows layer_rows(const EncoderRows&, size_t layer) const;

  ParamStore& params_;
  int64_t hidden_;
  Embeddings embeddings_;
  std::vector<EncoderLayer> layers_;
  std::vector<int> first_parameter_;  // of each layer
};

}  // namespace encore
