#include "train/selection/text_embedder.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "data/select/words/words.h"
#include "data/sequences/labelled.h"
#include "kernels/base/hash.h"
#include "kernels/base/spread.h"
#include "kernels/base/usable_cores.h"
#include "optim/communicator.h"
#include "train/embedding.h"

namespace encore {
namespace {

// Text i of `texts` as a row of TF-IDF weights.
void weigh(const BagVocabulary& vocabulary, const TfIdf& tfidf, const std::string& text, SparseRows& rows) {
  BagCounter counter(vocabulary);
  const int64_t first = rows.rows();
  counter.add(text, rows);
  tfidf.weigh(rows, first);
}

class LsaEmbedder final : public TextEmbedder {
 public:
  LsaEmbedder(const DomainText& domain, const LsaEmbedderOptions& options)
      : vocabulary_(domain_vocabulary(domain, options.lsa.threads)),
        tfidf_(vocabulary_),
        threads_(loop_threads(options.lsa.threads)),
        lsa_(Lsa::fit(sample(domain, options.rows), options.lsa)) {}

  int64_t columns() const override { return lsa_.dimensions(); }
  uint64_t fingerprint() const override {
    return Hasher().add_text("lsa").add(vocabulary_.fingerprint()).add(lsa_.fingerprint()).digest();
  }
  void embed(const std::vector<std::string>& texts, std::vector<float>& vectors) override {
    vectors.resize(texts.size() * size_t(columns()));
#pragma omp parallel for num_threads(threads_) schedule(dynamic, 256)
    for (size_t i = 0; i < texts.size(); ++i) {
      SparseRows row;
      weigh(vocabulary_, tfidf_, texts[i], row);
      lsa_.embed(row, 0, vectors.data() + i * size_t(columns()));
    }
  }

 private:
  SparseRows sample(const DomainText& domain, int64_t wanted) const {
    SparseRows rows;
    rows.columns = vocabulary_.columns();
    BagCounter counter(vocabulary_);
    const TextSource source = domain.source();
    const int64_t taken = std::min(wanted, domain.passages());
    int64_t number = 0, next = 0;
    for (std::string text; next < taken && source(text); ++number)
      if (number == spread(next, domain.passages(), taken)) {
        counter.add(text, rows);
        ++next;
      }
    tfidf_.weigh(rows);
    return rows;
  }

  BagVocabulary vocabulary_;
  TfIdf tfidf_;
  int threads_;
  Lsa lsa_;
};

class ModelEmbedder final : public TextEmbedder {
 public:
  ModelEmbedder(Model& model, const Tokenizer& tokenizer, const ModelEmbedderOptions& options)
      : model_(model), tokenizer_(tokenizer), options_(options), comm_(one_process()) {}

  int64_t columns() const override { return model_.config().hidden_size; }
  uint64_t fingerprint() const override {
    return Hasher()
        .add_text("model")
        .add(options_.fingerprint)
        .add(tokenizer_.fingerprint())
        .add(uint64_t(options_.max_length))
        .digest();
  }
  void embed(const std::vector<std::string>& texts, std::vector<float>& vectors) override {
    std::vector<LabelledRow> rows(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) rows[i].text = texts[i];
    const ClassificationSet set =
        tokenize_rows(rows, "", tokenizer_, LabelMap(), options_.max_length, options_.threads);
    vectors.clear();
    encore::embed(model_, set, options_.tokens_per_batch, /*mean=*/true, *comm_, [&](const std::string& bytes) {
      const size_t first = vectors.size();
      vectors.resize(first + bytes.size() / sizeof(float));
      std::memcpy(vectors.data() + first, bytes.data(), bytes.size());
    });
  }

 private:
  Model& model_;
  const Tokenizer& tokenizer_;
  ModelEmbedderOptions options_;
  std::unique_ptr<Communicator> comm_;
};

}  // namespace

BagVocabulary domain_vocabulary(const DomainText& domain, int threads) {
  return BagVocabulary::fit(
      domain.source(),
      {.size = std::numeric_limits<int32_t>::max() - 1, .stop_words = english_stop_words(), .threads = threads});
}

std::unique_ptr<TextEmbedder> make_lsa_embedder(const DomainText& domain, const LsaEmbedderOptions& options) {
  return std::make_unique<LsaEmbedder>(domain, options);
}

std::unique_ptr<TextEmbedder> make_model_embedder(Model& model, const Tokenizer& tokenizer,
                                                  const ModelEmbedderOptions& options) {
  return std::make_unique<ModelEmbedder>(model, tokenizer, options);
}

}  // namespace encore
