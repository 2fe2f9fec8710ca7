#include "kernels/ops/bag_likelihood.h"

#include <cmath>

#include "kernels/cpu/bags.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/vec/bag_likelihood.h"

namespace encore {
namespace {

// Words are taken in chunks that stay in the second-level cache, and the partial softmax of a chunk is a sum of few
// enough terms for floats. The chunks depend on the number of words alone, and so do the sums.
constexpr int64_t kChunk = 64;

struct Chunks {
  int64_t words, count;
  int64_t begin(int64_t i) const { return i * kChunk; }
  int64_t end(int64_t i) const { return std::min(words, (i + 1) * kChunk); }
};

// The work of one call: what its passes leave for the next one.
struct LikelihoodWork {
  cpu::BagMatrix matrix;
  Chunks chunks;
  int64_t stride;              // of lists of documents
  cpu::BagSoftmax partial;     // [chunks][stride]
  float *lse, *weight, *room;  // [stride], [stride], [threads][stride]
};

int64_t floats_of(int64_t words, int64_t documents, int64_t chunks, int threads) {
  return 2 * cpu::padded(words) + (2 * chunks + 2 + threads) * cpu::padded(documents);
}

LikelihoodWork lay_out(const BagLikelihood& a, float* memory) {
  const int64_t words = a.reconstruction.rows, documents = a.reconstruction.cols, stride = cpu::padded(documents);
  const Chunks chunks{.words = words, .count = (words + kChunk - 1) / kChunk};
  const auto take = [&](int64_t floats) { return std::exchange(memory, memory + floats); };
  LikelihoodWork work{.matrix = {.x = a.reconstruction.ptr<float>(),
                                 .ld = a.reconstruction.ld,
                                 .documents = documents,
                                 .bias = a.bias.ptr<float>(),
                                 .shift = take(cpu::padded(words)),
                                 .rstd = take(cpu::padded(words))},
                      .chunks = chunks,
                      .stride = stride};
  work.partial = {.largest = take(chunks.count * stride), .sums = take(chunks.count * stride)};
  work.lse = take(stride);
  work.weight = take(stride);
  work.room = memory;
  return work;
}

// The likelihood of document r, and what the softmax weighs in its gradient.
void add_entries(const BagLikelihood& a, const LikelihoodWork& work, int64_t r) {
  const cpu::BagMatrix& m = work.matrix;
  const int32_t *start = a.bags.row_start.ptr<int32_t>(), *column = a.bags.column.ptr<int32_t>();
  const float* value = a.bags.value.ptr<float>();
  double sum = 0, values = 0;
  for (int32_t e = start[r]; e < start[r + 1]; ++e) {
    const int32_t c = column[e];
    // Rounded once, as in bag_softmax: where a document's words have all the weight, y and lse cancel exactly.
    const float y = std::fma(m.x[c * m.ld + r] - m.shift[c], m.rstd[c], m.bias[c]);
    sum += double(value[e]) * (double(y) - double(work.lse[r]));
    values += double(value[e]);
  }
  a.log_likelihood.ptr<float>()[r] = float(sum);
  work.weight[r] = float(-double(a.likelihood.scale) * values);
}

}  // namespace

void CpuBackend::bag_likelihood(const BagLikelihood& a) {
  const int64_t words = a.reconstruction.rows, documents = a.reconstruction.cols;
  cpu::check_lists("bag_likelihood", a.bags, words);
  if (a.training) cpu::check_lists("bag_likelihood", a.by_word, documents);
  const int64_t chunks = (words + kChunk - 1) / kChunk;
  const LikelihoodWork work = lay_out(a, scratch_of<float>(size_t(floats_of(words, documents, chunks, threads_))));
  const cpu::BatchNorm norm{.background = a.background.ptr<float>(),
                            .running_mean = a.running_mean.ptr<float>(),
                            .running_variance = a.running_variance.ptr<float>(),
                            .eps = kBatchNormEps,
                            .momentum = kBatchNormMomentum};
  const auto statistics = a.training ? ENCORE_VEC_CALL(batch_statistics) : ENCORE_VEC_CALL(running_statistics);
  cpu::parallel_rows(threads_, chunks, kChunk * documents, [&](int64_t first, int64_t last, int) {
    for (int64_t i = first; i < last; ++i) {
      statistics(work.matrix, norm, work.chunks.begin(i), work.chunks.end(i));
      const cpu::BagSoftmax part{work.partial.largest + i * work.stride, work.partial.sums + i * work.stride};
      ENCORE_VEC_CALL(bag_softmax)(work.matrix, part, work.chunks.begin(i), work.chunks.end(i));
    }
  });
  cpu::parallel_rows(threads_, documents, chunks, [&](int64_t begin, int64_t end, int) {
    ENCORE_VEC_CALL(combine_softmax)(work.partial, chunks, work.stride, begin, end, work.lse);
    for (int64_t r = begin; r < end; ++r) add_entries(a, work, r);
  });
  cpu::add_term(a.likelihood, a.log_likelihood);
  if (!a.training) return;
  const cpu::BagGradient gradient{.lse = work.lse,
                                  .weight = work.weight,
                                  .scale = a.likelihood.scale,
                                  .word_start = a.by_word.word_start.ptr<int32_t>(),
                                  .document = a.by_word.document.ptr<int32_t>(),
                                  .value = a.by_word.value.ptr<float>(),
                                  .dbias = a.dbias.ptr<float>()};
  cpu::parallel_rows(threads_, chunks, kChunk * documents, [&](int64_t first, int64_t last, int thread) {
    ENCORE_VEC_CALL(bag_gradient)
    (work.matrix, gradient, work.chunks.begin(first), work.chunks.end(last - 1), work.room + thread * work.stride);
  });
}

}  // namespace encore
