#include "model/model.h"

#include <numeric>

namespace encore {

MemoryPlan MemoryPlan::part(bool host) const {
  MemoryPlan part;
  for (const Region& r : regions)
    if (r.host == host) part.regions.push_back(r);
  return part;
}

size_t MemoryPlan::total() const {
  return std::accumulate(regions.begin(), regions.end(), size_t(0),
                         [](size_t sum, const Region& r) { return sum + r.bytes; });
}

double training_flops(const EncoderConfig& c, const PackedBatch& b) {
  const double t = double(b.tokens()), h = double(c.hidden_size), i = double(c.intermediate_size);
  const bool mlm = !b.target_rows.empty();
  const double read = mlm ? double(b.targets()) : double(b.sequences());
  if (read == 0) return 0;

  // Scores and weighted sums: 4 H for each pair of query and key.
  std::vector<double> queries(size_t(b.sequences()), mlm ? 0.0 : 1.0);
  for (const int32_t row : b.target_rows) queries[b.row_sequence[row]] += 1;
  double pairs = 0, read_pairs = 0;
  for (int64_t n = 0; n < b.sequences(); ++n) {
    const double length = double(b.cu_seqlens[n + 1]) - b.cu_seqlens[n];
    pairs += length * length;
    read_pairs += length * queries[n];
  }
  const double full_layer = 2 * t * (4 * h * h + 2 * h * i) + 4 * h * pairs;
  const double last_layer = 2 * t * 2 * h * h + 2 * read * (2 * h * h + 2 * h * i) + 4 * h * read_pairs;
  const double head = 2 * read * (h * h + h * double(mlm ? c.vocab_size : int64_t(c.labels.size())));
  return 3 * (double(c.num_hidden_layers - 1) * full_layer + last_layer + head);
}

}  // namespace encore
