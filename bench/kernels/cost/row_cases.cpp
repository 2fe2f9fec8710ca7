// Ops over rows of activations. Flops are counted from the formulas; an exponential, a root or erfc counts as one.
#include "bench/kernels/cost/workload.h"
#include "kernels/backend.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/gather.h"
#include "kernels/ops/gelu.h"
#include "kernels/ops/layernorm.h"
#include "kernels/ops/reduce.h"
#include "kernels/ops/tanh.h"

namespace encore::cost {
namespace {

constexpr DType kF32 = DType::kF32;
// The executor's device has 132 multiprocessors (kernels/simt/src/runtime.cpp): from 264 x 16 rows on, two blocks for
// each leave sums of their rows; from 256 x 64 rows on, 256 blocks in column tiles.
constexpr int64_t kSummed[2] = {264 * 16, 264 * 32}, kTiled[2] = {256 * 64, 256 * 128};

const char* text(DType t) {
  return t == kF32 ? "fp32" : "bf16";
}

Case layernorm_forward_case(int64_t h, DType t, int64_t length) {
  return {"layernorm_forward",
          std::string(text(t)) + ", bias, dropout, residual",
          "",
          length,
          double(kTokens),
          1,
          11.0 * double(kTokens * h),
          {512, 1024},
          false,
          [=](Workload& w, int64_t rows) {
            LayerNormForward a;
            a.x = w.make(t, rows, h), a.residual = w.make(t, rows, h), a.sum = w.make(t, rows, h);
            a.y = w.make(t, rows, h);
            a.bias = w.make(kF32, 1, h), a.gamma = w.make(kF32, 1, h), a.beta = w.make(kF32, 1, h);
            a.mean = w.make(kF32, 1, rows), a.rstd = w.make(kF32, 1, rows);
            a.dropout = w.dropout(0.1f, rows, length);
            w.measure([&](Backend& b) { layernorm_forward(b, a); });
          }};
}

Case layernorm_backward_case(int64_t h, DType t, int64_t length) {
  return {"layernorm_backward",
          std::string(text(t)) + ", bias, dropout, residual",
          "",
          length,
          double(kTokens),
          1,
          17.0 * double(kTokens * h),
          {kSummed[0], kSummed[1]},
          false,
          [=](Workload& w, int64_t rows) {
            LayerNormBackward a;
            a.dy = w.make(t, rows, h), a.sum = w.make(t, rows, h);
            a.dsum = w.make(t, rows, h), a.dx = w.make(t, rows, h);
            a.gamma = w.make(kF32, 1, h), a.mean = w.make(kF32, 1, rows), a.rstd = w.make(kF32, 1, rows);
            a.dgamma = w.make(kF32, 1, h, 2), a.dbeta = w.make(kF32, 1, h, 2), a.dbias = w.make(kF32, 1, h, 2);
            a.dropout = w.dropout(0.1f, rows, length);
            w.measure([&](Backend& b) { layernorm_backward(b, a); });
          }};
}

// The rows of the position table that a RoBERTa reads: its first position is 2.
std::vector<int32_t> position_ids(const PackedBatch& b) {
  std::vector<int32_t> ids = b.row_position;
  for (int32_t& id : ids) id += 2;
  return ids;
}

// The inputs of both passes. A table moves the rows that the batch names.
EmbeddingForward embedding(Workload& w, const PackedBatch& b, int64_t h, DType t, int64_t length) {
  const int64_t rows = b.tokens(), words = int64_t(b.word_segments.row.size());
  EmbeddingForward a;
  a.ids = w.list(b.ids), a.position_ids = w.list(position_ids(b));
  a.word = w.make(t, words + 4, h, 0), a.position = w.make(t, kPositions, h, 0), a.type = w.make(t, 1, h);
  w.moves((words + int64_t(group_by_row(position_ids(b)).row.size())) * h * int64_t(size_of(t)));
  a.gamma = w.make(kF32, 1, h);
  a.mean = w.make(kF32, 1, rows), a.rstd = w.make(kF32, 1, rows);
  a.dropout = w.dropout(0.1f, rows, length);
  return a;
}

Case embedding_forward_case(int64_t h, DType t, int64_t length) {
  return {"embedding_forward",
          std::string(text(t)) + ", dropout",
          "",
          length,
          double(kTokens),
          1,
          11.0 * double(kTokens * h),
          {1024, 2048},
          false,
          [=](Workload& w, int64_t rows) {
            EmbeddingForward a = embedding(w, Workload::batch(rows, length), h, t, length);
            a.beta = w.make(kF32, 1, h), a.y = w.make(t, rows, h);
            w.measure([&](Backend& b) { embedding_forward(b, a); });
          }};
}

RowSegments segments(Workload& w, const HostSegments& s) {
  return {w.list(s.order), w.list(s.start), w.list(s.row)};
}

Case embedding_backward_case(int64_t h, DType t, int64_t length) {
  return {"embedding_backward",
          std::string(text(t)) + ", dropout",
          "",
          length,
          double(kTokens),
          1,
          18.0 * double(kTokens * h),
          {kSummed[0], kSummed[1]},
          false,
          [=](Workload& w, int64_t rows) {
            const PackedBatch batch = Workload::batch(rows, length);
            EmbeddingBackward a;
            a.forward = embedding(w, batch, h, t, length);
            a.forward.beta = w.make(kF32, 1, h, 0);
            a.dy = w.make(t, rows, h);
            a.word_segments = segments(w, batch.word_segments);
            const HostSegments positions = group_by_row(position_ids(batch));
            a.position_segments = segments(w, positions);
            const int64_t words = int64_t(batch.word_segments.row.size());
            a.dword = w.make(kF32, words + 4, h, 0), a.dposition = w.make(kF32, kPositions, h, 0);
            w.moves(2 * (words + int64_t(positions.row.size())) * h * 4);
            a.dtype = w.make(kF32, 1, h, 2), a.dgamma = w.make(kF32, 1, h, 2), a.dbeta = w.make(kF32, 1, h, 2);
            a.padding_id = 1;
            w.measure([&](Backend& b) { embedding_backward(b, a); });
          }};
}

Case gelu_forward_case(int64_t f, DType t) {
  return {"gelu_forward",
          std::string(text(t)) + ", bias",
          "",
          0,
          double(kTokens),
          1,
          9.0 * double(kTokens * f),
          {32, 64},
          false,
          [=](Workload& w, int64_t rows) {
            const GeluForward a{w.make(t, rows, f), w.make(kF32, 1, f), w.make(t, rows, f)};
            w.measure([&](Backend& b) { gelu_forward(b, a); });
          }};
}

Case gelu_backward_case(int64_t f, DType t) {
  return {"gelu_backward",
          std::string(text(t)) + ", bias",
          "",
          0,
          double(kTokens),
          double(f) / 256,
          12.0 * double(kTokens * f),
          {kTiled[0], kTiled[1]},
          false,
          [=](Workload& w, int64_t rows) {
            const int64_t cols = 256;
            const GeluBackward a{w.make(t, rows, cols), w.make(t, rows, cols), w.make(kF32, 1, cols),
                                 w.make(t, rows, cols), w.make(kF32, 1, cols, 2)};
            w.measure([&](Backend& b) { gelu_backward(b, a); });
          }};
}

Case bias_gradient_case(int64_t cols, DType t) {
  return {"bias_gradient",
          text(t),
          "",
          0,
          double(kTokens),
          double(cols) / 256,
          double(kTokens * cols),
          {kTiled[0], kTiled[1]},
          false,
          [=](Workload& w, int64_t rows) {
            const BiasGradient a{w.make(t, rows, 256), w.make(kF32, 1, 256, 2)};
            w.measure([&](Backend& b) { bias_gradient(b, a); });
          }};
}

Case tanh_case(int64_t h, DType t, int64_t sequences, bool backward) {
  return {backward ? "tanh_backward" : "tanh_forward",
          std::string(text(t)) + ", bias",
          "",
          0,
          double(sequences),
          1,
          (backward ? 4.0 : 2.0) * double(sequences * h),
          {sequences, sequences},
          false,
          [=](Workload& w, int64_t rows) {
            if (backward) {
              const TanhBackward a{w.make(t, rows, h), w.make(t, rows, h), w.make(t, rows, h), w.make(kF32, 1, h, 2)};
              w.measure([&](Backend& b) { tanh_backward(b, a); });
              return;
            }
            const TanhForward a{w.make(t, rows, h), w.make(kF32, 1, h), w.make(t, rows, h)};
            w.measure([&](Backend& b) { tanh_forward(b, a); });
          }};
}

Case dropout_case(int64_t h, DType t, int64_t length) {
  return {"dropout_apply",
          text(t),
          "",
          length,
          double(kTokens),
          1,
          double(kTokens * h),
          {512, 1024},
          false,
          [=](Workload& w, int64_t rows) {
            const DropoutApply a{
                .x = w.make(t, rows, h), .y = w.make(t, rows, h), .dropout = w.dropout(0.1f, rows, length)};
            w.measure([&](Backend& b) { dropout_apply(b, a); });
          }};
}

// 15 % of the rows.
std::vector<int32_t> picked(int64_t rows) {
  std::vector<int32_t> all;
  for (int64_t i = 0; i < rows * 3 / 20; ++i) all.push_back(int32_t(i * 20 / 3));
  return all;
}

Case gather_case(int64_t h, DType t) {
  return {"gather_rows",
          std::string(text(t)) + ", 15 % of the rows",
          "",
          0,
          double(kTokens),
          1,
          0,
          {2000, 4000},
          false,
          [=](Workload& w, int64_t rows) {
            const std::vector<int32_t> list = picked(rows);
            const int64_t count = int64_t(list.size());
            const GatherRows a{w.make(t, rows, h, 0), w.list(list), w.make(t, count, h, 2)};
            w.measure([&](Backend& b) { gather_rows(b, a); });
          }};
}

Case scatter_case(int64_t h, DType t, bool add) {
  return {"scatter_rows",
          std::string(text(t)) + (add ? ", added" : ", others 0") + ", 15 % of the rows",
          "",
          0,
          double(kTokens),
          1,
          0,
          {2000, 4000},
          false,
          [=](Workload& w, int64_t rows) {
            const std::vector<int32_t> list = picked(rows);
            const int64_t count = int64_t(list.size());
            ScatterRows a{w.make(t, count, h, add ? 3 : 1), w.list(list), w.make(t, rows, h, add ? 0 : 1), add};
            w.measure([&](Backend& b) { scatter_rows(b, a); });
          }};
}

}  // namespace

std::vector<Case> row_cases(const Model& m, int64_t length, bool fast) {
  std::vector<Case> all;
  const bool seen = length == 512;  // ops that do not see sequences are counted once
  for (const DType t : {DType::kBF16, kF32}) {
    if (t == kF32 && (m.name != "base" || !seen)) continue;
    all.insert(all.end(), {layernorm_forward_case(m.hidden, t, length), layernorm_backward_case(m.hidden, t, length),
                           embedding_forward_case(m.hidden, t, length), embedding_backward_case(m.hidden, t, length),
                           dropout_case(m.hidden, t, length), tanh_case(m.hidden, t, kTokens / length, false),
                           tanh_case(m.hidden, t, kTokens / length, true)});
    if (!seen) continue;
    all.insert(all.end(),
               {gelu_forward_case(m.inner, t), gelu_backward_case(m.inner, t), bias_gradient_case(3 * m.hidden, t),
                gather_case(m.hidden, t), scatter_case(m.hidden, t, false), scatter_case(m.hidden, t, true)});
  }
  for (Case& c : all) c.model = m.name, c.fast = fast;
  return all;
}

}  // namespace encore::cost
