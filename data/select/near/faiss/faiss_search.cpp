// libencore_faiss.so: VectorSearch by faiss.
#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/utils/distances.h>
#include <omp.h>

#include <memory>

#include "data/select/near/vector_search.h"

namespace encore {
namespace {

constexpr int kLearningRounds = 10;  // of k-means; the gain of more is lost in the recall that is reported anyway

class FaissSearch final : public VectorSearch {
 public:
  void use_threads(int threads) override { omp_set_num_threads(threads); }

  void nearest(Vectors queries, Vectors rows, Found found) override {
    faiss::knn_inner_product(queries.data, rows.data, size_t(rows.columns), size_t(queries.rows), size_t(rows.rows),
                             size_t(found.k), found.score, found.id);
  }

  void learn_index(Vectors sample, int64_t lists) override {
    index_.reset();
    quantizer_ = std::make_unique<faiss::IndexFlatIP>(sample.columns);
    index_ =
        std::make_unique<faiss::IndexIVFScalarQuantizer>(quantizer_.get(), size_t(sample.columns), size_t(lists),
                                                         faiss::ScalarQuantizer::QT_8bit, faiss::METRIC_INNER_PRODUCT);
    index_->cp.niter = kLearningRounds;
    index_->cp.spherical = true;
    index_->cp.min_points_per_centroid = 1;
    index_->train(sample.rows, sample.data);
  }
  void add_to_index(Vectors rows) override { index_->add(rows.rows, rows.data); }
  void nearest_in_index(Vectors queries, int64_t probed, Found found) override {
    index_->nprobe = size_t(probed);
    index_->search(queries.rows, queries.data, found.k, found.score, found.id);
  }

 private:
  std::unique_ptr<faiss::IndexFlatIP> quantizer_;
  std::unique_ptr<faiss::IndexIVFScalarQuantizer> index_;
};

}  // namespace
}  // namespace encore

extern "C" __attribute__((visibility("default"))) encore::VectorSearch* encore_make_vector_search() {
  return new encore::FaissSearch;
}

extern "C" __attribute__((visibility("default"))) const char* encore_interface() {
  return ENCORE_INTERFACE;
}
