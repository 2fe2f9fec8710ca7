#include "train/scoring.h"

#include "kernels/base/softmax.h"
#include "train/labelled_batches.h"

namespace encore {

std::vector<int32_t> classify(Model& model, const ClassificationSet& set, int64_t tokens_per_batch,
                              std::vector<float>* probabilities, Communicator* comm,
                              const std::function<void(int64_t rows)>& done) {
  const Rows rows = rows_by_length(set);
  const size_t labels = model.config().labels.size();
  std::vector<int64_t> predicted(rows.size());
  if (probabilities) probabilities->assign(rows.size() * labels, 0);
  std::vector<float> logits;
  const std::vector<Rows> pieces = cut_by_tokens(set, rows, tokens_per_batch);
  for (size_t p = comm ? size_t(comm->rank()) : 0; p < pieces.size(); p += comm ? size_t(comm->size()) : 1) {
    const Rows& piece = pieces[p];
    model.logits(make_classification_batch(set, piece, 0), logits);
    for (size_t i = 0; i < piece.size(); ++i) {
      const Softmax softmax({logits.data() + i * labels, labels});
      predicted[size_t(piece[i])] = int64_t(softmax.argmax());
      for (size_t c = 0; probabilities && c < labels; ++c)
        (*probabilities)[size_t(piece[i]) * labels + c] = float(softmax[c]);
    }
    if (done) done(int64_t(piece.size()));
  }
  if (comm) {
    // One rank has filled each row and the others hold zeros, so the sums are the row's values.
    comm->all_reduce_sum(std::span(predicted));
    if (probabilities) comm->all_reduce_sum(std::span(*probabilities));
  }
  return {predicted.begin(), predicted.end()};
}

}  // namespace encore
