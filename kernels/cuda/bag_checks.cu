// Checks of bags of words in device memory, and the sums of a term of the loss.
#include <vector>

#include "kernels/cuda/launching.h"
#include "kernels/cuda/loss_term.cuh"
#include "kernels/ops/list_checks.h"

namespace encore {

void CudaBackend::check_runs(const char* op, const char* name, const Tensor& start, int64_t entries) {
  if (!index_checks_) return;
  std::vector<int32_t> host(size_t(start.cols));
  copy_to_host(host.data(), start.data, start.bytes());
  encore::check_runs(op, name, host, entries);
}

void CudaBackend::check_bags(const char* op, const Bags& bags, int64_t words) {
  check_runs(op, "row_start", bags.row_start, bags.column.cols);
  check_indices(op, "column", bags.column, words, {});
}

void CudaBackend::check_bags(const char* op, const BagsByWord& bags, int64_t documents) {
  check_runs(op, "word_start", bags.word_start, bags.document.cols);
  check_indices(op, "document", bags.document, documents, {});
}

void CudaBackend::add_term(const char* op, const LossTerm& term, const Tensor& of_documents) {
  if (!term.sum && !term.loss) return;
  check_cuda(launch(stream_, {1, cuda::kTermThreads}, cuda::loss_term_kernel, of_documents.ptr<float>(),
                    of_documents.cols, term.scale, term.sum.ptr<double>(), term.loss.ptr<double>()),
             op);
}

}  // namespace encore
