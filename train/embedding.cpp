#include "train/embedding.h"

#include <fmt/format.h>

#include <numeric>
#include <string_view>

#include "train/labelled_batches.h"

namespace encore {
namespace {

// Mean over the tokens of a sequence (specials too), or its first token.
void pool(const PackedBatch& batch, const std::vector<float>& hidden, int64_t width, bool mean, int64_t sequence,
          float* out) {
  const int64_t first = batch.cu_seqlens[size_t(sequence)];
  const int64_t last = mean ? batch.cu_seqlens[size_t(sequence) + 1] : first + 1;
  for (int64_t c = 0; c < width; ++c) {
    double sum = 0;
    for (int64_t r = first; r < last; ++r) sum += hidden[size_t(r * width + c)];
    out[c] = float(sum / double(last - first));
  }
}

// The rows of each batch, in order.
std::vector<Rows> cut(const ClassificationSet& set, int64_t budget) {
  Rows rows(static_cast<size_t>(set.size()));
  std::iota(rows.begin(), rows.end(), 0);
  return cut_by_tokens(set, rows, budget);
}

}  // namespace

// Version 1.0 of NumPy's format documentation, padded so that the data start at a multiple of 64.
std::string npy_header(int64_t rows, int64_t cols) {
  std::string dict = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, cols);
  const size_t unpadded = 10 + dict.size() + 1;
  dict.append((64 - unpadded % 64) % 64 + kNpyMark, ' ');
  dict += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += char(dict.size() & 0xff);
  header += char(dict.size() >> 8);
  return header + dict;
}

void embed(Model& model, const ClassificationSet& set, int64_t tokens_per_batch, bool mean, Communicator& comm,
           const std::function<void(const std::string& vectors)>& take) {
  const std::vector<Rows> batches = cut(set, tokens_per_batch);
  const int64_t width = model.config().hidden_size;
  std::vector<float> hidden, vectors;
  for (size_t round = 0; round < batches.size(); round += size_t(comm.size())) {
    vectors.clear();
    if (const size_t mine = round + size_t(comm.rank()); mine < batches.size()) {
      const PackedBatch batch = make_classification_batch(set, batches[mine], 0);
      model.hidden_states(batch, hidden);
      vectors.resize(batches[mine].size() * size_t(width));
      for (size_t i = 0; i < batches[mine].size(); ++i)
        pool(batch, hidden, width, mean, int64_t(i), vectors.data() + i * size_t(width));
    }
    const std::string_view bytes(reinterpret_cast<const char*>(vectors.data()), vectors.size() * sizeof(float));
    for (const std::string& theirs : comm.gather(bytes)) take(theirs);
  }
}

}  // namespace encore
