// Texts as vectors, of which the nearest are looked for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/select/bags/bag_counter.h"
#include "data/select/bags/bag_vocabulary.h"
#include "data/select/domain_text.h"
#include "data/select/near/lsa.h"
#include "data/tokenizer/tokenizer.h"
#include "model/model.h"
#include "train/vampire/saved_vampire.h"

namespace encore {

class TextEmbedder {
 public:
  virtual ~TextEmbedder() = default;
  virtual int64_t columns() const = 0;
  // Depends on everything that a text's vector depends on besides the text.
  virtual uint64_t fingerprint() const = 0;
  // Replaces `vectors` by those of the texts, [texts, columns]. A text of which nothing is known has zeros.
  virtual void embed(const std::vector<std::string>& texts, std::vector<float>& vectors) = 0;
};

// The words of the domain's passages, without a limit of their number and without scikit-learn's English stop words.
// Throws Error for fewer than two.
BagVocabulary domain_vocabulary(const DomainText&, int threads);

// Truncated SVD of the domain's TF-IDF matrix. rows: passages, spread evenly, that it is fitted to at most.
struct LsaEmbedderOptions {
  LsaOptions lsa;
  int64_t rows = 1000000;
};
std::unique_ptr<TextEmbedder> make_lsa_embedder(const DomainText&, const LsaEmbedderOptions&);

// The mean over a text's tokens, specials too, of the last layer (train/embedding.h). The model has memory for
// tokens_per_batch tokens; a text is cut to max_length. All must outlive the embedder. fingerprint: of the weights.
struct ModelEmbedderOptions {
  int64_t max_length = 512, tokens_per_batch = 8192;
  int threads = 0;
  uint64_t fingerprint = 0;
};
std::unique_ptr<TextEmbedder> make_model_embedder(Model&, const Tokenizer&, const ModelEmbedderOptions&);

// By a trained VAMPIRE in evaluation mode, whose vocabulary and kind of bags hold for the texts of both sides. A text
// without a word of it has zeros, not the constant vector of the biases. The model must outlive the embedder. Throws
// Error where the embedding needs as many hidden units as topics, and the model has others.
std::unique_ptr<TextEmbedder> make_vampire_embedder(SavedVampire&, VampireEmbedding, int threads);

}  // namespace encore
