#include "kernels/cuda/bag_likelihood.cuh"
#include "kernels/cuda/launching.h"

namespace encore {
namespace {

// Blocks of at least 32 words: then the partial softmax is under 7 % of what moves.
cuda::RowParts word_blocks(int64_t words, int64_t multiprocessors) {
  return {words, 32, 8 * multiprocessors};
}

}  // namespace

void CudaBackend::bag_likelihood(const BagLikelihood& a) {
  constexpr const char* op = "bag_likelihood";
  const int64_t words = a.reconstruction.rows, documents = a.reconstruction.cols;
  check(documents <= cuda::kMostDocuments, "{}: {} documents are more than the {} that the CUDA backend serves", op,
        documents, cuda::kMostDocuments);
  check_bags(op, a.bags, words);
  if (a.training) check_bags(op, a.by_word, documents);
  const cuda::RowParts blocks = word_blocks(words, multiprocessors_);
  const int64_t partial = blocks.count * documents;
  float* const memory = static_cast<float*>(scratch(size_t(2 * (words + partial + documents)) * sizeof(float)));
  const cuda::BagMatrix matrix{.x = a.reconstruction.ptr<float>(),
                               .ld = a.reconstruction.ld,
                               .words = words,
                               .documents = documents,
                               .bias = a.bias.ptr<float>(),
                               .shift = memory,
                               .rstd = memory + words};
  const cuda::BatchNormArgs norm{.background = a.background.ptr<float>(),
                                 .running_mean = a.running_mean.ptr<float>(),
                                 .running_variance = a.running_variance.ptr<float>(),
                                 .eps = kBatchNormEps,
                                 .momentum = kBatchNormMomentum,
                                 .training = a.training};
  const cuda::BagSoftmax softmax{.largest = memory + 2 * words,
                                 .sums = memory + 2 * words + partial,
                                 .count = blocks.count,
                                 .words_per_block = blocks.size};
  const cuda::BagDocuments of_documents{.row_start = a.bags.row_start.ptr<int32_t>(),
                                        .column = a.bags.column.ptr<int32_t>(),
                                        .value = a.bags.value.ptr<float>(),
                                        .log_likelihood = a.log_likelihood.ptr<float>(),
                                        .lse = memory + 2 * (words + partial),
                                        .weight = memory + 2 * (words + partial) + documents,
                                        .scale = a.likelihood.scale};
  check_cuda(launch(stream_, {cuda::grid_size(blocks.count), cuda::kWordThreads}, cuda::bag_statistics_kernel, matrix,
                    norm, softmax),
             op);
  check_cuda(launch(stream_, {cuda::grid_size(cuda::div_up(documents, cuda::kWordWarps)), cuda::kWordThreads},
                    cuda::bag_documents_kernel, matrix, softmax, of_documents),
             op);
  add_term(op, a.likelihood, a.log_likelihood);
  if (!a.training) return;
  const cuda::BagGradientArgs gradient{.word_start = a.by_word.word_start.ptr<int32_t>(),
                                       .document = a.by_word.document.ptr<int32_t>(),
                                       .value = a.by_word.value.ptr<float>(),
                                       .lse = of_documents.lse,
                                       .weight = of_documents.weight,
                                       .scale = a.likelihood.scale,
                                       .dbias = a.dbias.ptr<float>()};
  check_cuda(launch(stream_, {cuda::grid_size(cuda::div_up(words, cuda::kWordWarps)), cuda::kWordThreads},
                    cuda::bag_gradient_kernel, matrix, gradient),
             op);
}

}  // namespace encore
