#include <cmath>
#include <map>

#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

RowSegments segments_of(Inputs& in, const std::vector<int32_t>& ids) {
  std::map<int32_t, std::vector<int32_t>> rows;
  for (size_t t = 0; t < ids.size(); ++t) rows[ids[t]].push_back(int32_t(t));
  std::vector<int32_t> order, start, row;
  for (const auto& [id, tokens] : rows) {
    row.push_back(id);
    start.push_back(int32_t(order.size()));
    order.insert(order.end(), tokens.begin(), tokens.end());
  }
  start.push_back(int32_t(order.size()));
  return {in.given(order), in.given(start), in.given(row)};
}

struct Problem {
  Problem(Inputs& in, const ModelShape& m, const Sizes& s, DType t, float p) {
    const int64_t length = s.lengths.front();
    std::vector<int32_t> ids, positions;
    for (int64_t i = 0; i < s.tokens; ++i) {
      // Ids follow a frequency distribution like that of text: the chance of an id falls with its rank.
      const double u = double(in.random() % 1'000'003) / 1'000'003;
      ids.push_back(int32_t(std::pow(double(s.vocabulary), u)) % int32_t(s.vocabulary));
      positions.push_back(int32_t(i % length + 2));
    }
    forward = {.ids = in.given(ids),
               .position_ids = in.given(positions),
               .word = in.normal(t, s.vocabulary, m.hidden),
               .position = in.normal(t, s.positions, m.hidden),
               .type = in.normal(t, 1, m.hidden),
               .gamma = in.vector(m.hidden),
               .beta = in.vector(m.hidden),
               .y = in.zero(t, s.tokens, m.hidden),
               .mean = in.zero(DType::kF32, 1, s.tokens),
               .rstd = in.zero(DType::kF32, 1, s.tokens),
               .dropout = in.dropout(p, s.tokens, length)};
    words = segments_of(in, ids);
    places = segments_of(in, positions);
  }
  EmbeddingForward forward;
  RowSegments words, places;
};

void cases_of_embedding(Cases& cases) {
  const Sizes s = cases.sizes;
  for (const ModelShape& m : s.models)
    for (const DType t : cases.dtypes)
      for (const float p : {0.0f, 0.1f}) {
        const std::string name = path({m.name, text(t), dropout_text(p)});
        cases.add("embedding_forward/" + name, t, [=](Inputs& in) -> Work {
          Backend& b = in.backend;
          const EmbeddingForward a = Problem(in, m, s, t, p).forward;
          return {cost_of(a), [&b, a] { embedding_forward(b, a); }};
        });
        cases.add("embedding_backward/" + name, t, [=](Inputs& in) -> Work {
          Backend& b = in.backend;
          const Problem of(in, m, s, t, p);
          embedding_forward(b, of.forward);
          const Tensor dy = in.normal(t, s.tokens, m.hidden);
          const auto sums = [&](int64_t rows) { return in.zero(DType::kF32, rows, m.hidden); };
          const EmbeddingBackward a{.dy = in.zero(t, s.tokens, m.hidden),
                                    .forward = of.forward,
                                    .word_segments = of.words,
                                    .position_segments = of.places,
                                    .dword = sums(s.vocabulary),
                                    .dposition = sums(s.positions),
                                    .dtype = sums(1),
                                    .dgamma = sums(1),
                                    .dbeta = sums(1),
                                    .padding_id = 1};
          // The op destroys its dy.
          const auto restore = [&b, a, dy] { b.copy_on_device(a.dy.data, dy.data, dy.bytes()); };
          return {cost_of(a), [&b, a] { embedding_backward(b, a); }, restore};
        });
      }
}

const Registration embedding(cases_of_embedding);

}  // namespace
}  // namespace encore::bench
