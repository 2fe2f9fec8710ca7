#include <algorithm>

#include "kernels/base/hash.h"
#include "kernels/base/usable_cores.h"
#include "train/run_digest.h"
#include "train/selection/text_embedder.h"

namespace encore {
namespace {

constexpr int64_t kBatchDocuments = 256;

class VampireEmbedder final : public TextEmbedder {
 public:
  VampireEmbedder(SavedVampire& saved, VampireEmbedding kind, int threads)
      : saved_(saved),
        kind_(kind),
        threads_(loop_threads(threads)),
        tfidf_(saved.vocabulary),
        columns_(saved.model->embedding_size(kind)) {}

  int64_t columns() const override { return columns_; }
  uint64_t fingerprint() const override {
    return Hasher()
        .add_text("vampire")
        .add(uint64_t(kind_))
        .add(uint64_t(saved_.bags.tfidf))
        .add(saved_.vocabulary.fingerprint())
        .add(weights_digest(saved_.model->params()))
        .digest();
  }
  void embed(const std::vector<std::string>& texts, std::vector<float>& vectors) override {
    const std::vector<SparseRows> bags = bags_of(texts);
    vectors.assign(texts.size() * size_t(columns_), 0);
    std::vector<size_t> members;
    for (size_t i = 0; i < texts.size(); ++i) {
      if (bags[i].values() > 0) members.push_back(i);
      if (std::ssize(members) == kBatchDocuments) embed_batch(bags, members, vectors);
    }
    if (!members.empty()) embed_batch(bags, members, vectors);
  }

 private:
  // A row for each text.
  std::vector<SparseRows> bags_of(const std::vector<std::string>& texts) const {
    std::vector<SparseRows> bags(texts.size());
#pragma omp parallel for num_threads(threads_) schedule(dynamic, 256)
    for (size_t i = 0; i < texts.size(); ++i) {
      BagCounter(saved_.vocabulary).add(texts[i], bags[i]);
      if (saved_.bags.tfidf) tfidf_.weigh(bags[i]);
    }
    return bags;
  }

  // Writes the vectors of the members to their places, and forgets the members.
  void embed_batch(const std::vector<SparseRows>& bags, std::vector<size_t>& members, std::vector<float>& vectors) {
    batch_.clear();
    for (const size_t i : members) batch_.add(bags[i].column, bags[i].value);
    if (batch_.entries() > entries_) {
      entries_ = batch_.entries();
      saved_.model->reserve({.documents = kBatchDocuments, .entries = entries_}, Mode::kInference);
    }
    saved_.model->embed(batch_, kind_, found_);
    for (size_t m = 0; m < members.size(); ++m)
      std::copy_n(found_.begin() + std::ptrdiff_t(m) * columns_, columns_,
                  vectors.begin() + std::ptrdiff_t(members[m]) * columns_);
    members.clear();
  }

  SavedVampire& saved_;
  VampireEmbedding kind_;
  int threads_;
  TfIdf tfidf_;
  int64_t columns_, entries_ = 0;  // entries_: that the model has memory for
  VampireBatch batch_;
  std::vector<float> found_;
};

}  // namespace

std::unique_ptr<TextEmbedder> make_vampire_embedder(SavedVampire& saved, VampireEmbedding kind, int threads) {
  return std::make_unique<VampireEmbedder>(saved, kind, threads);
}

}  // namespace encore
