#include "kernels/ops/embedding.h"

#include <algorithm>
#include <vector>

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"
#include "kernels/ops/live_rows.h"

namespace encore {
namespace {

// Checks the inputs of both passes: ids, tables and statistics. Every table has the dtype of y.
void check_inputs(const Arguments& args, const EmbeddingForward& a, DType dtype, int64_t tokens, int64_t hidden) {
  args.require(a.ids, "ids", DType::kI32, 1, tokens);
  args.require(a.position_ids, "position_ids", DType::kI32, 1, tokens);
  args.optional(a.type_ids, "type_ids", DType::kI32, 1, tokens);
  args.require(a.word, "word", dtype, -1, hidden);
  args.require(a.position, "position", dtype, -1, hidden);
  args.require(a.type, "type", dtype, -1, hidden);
  args.require(a.gamma, "gamma", DType::kF32, 1, hidden);
  args.require(a.beta, "beta", DType::kF32, 1, hidden);
  args.require(a.mean, "mean", DType::kF32, 1, tokens);
  args.require(a.rstd, "rstd", DType::kF32, 1, tokens);
  check(tokens == 0 || (a.word.rows > 0 && a.position.rows > 0 && a.type.rows > 0),
        "{}: a table has no row: word {}, position {}, type {}", args.op(), a.word.str(), a.position.str(),
        a.type.str());
  check(a.eps > 0, "{}: eps is {}, not above 0", args.op(), a.eps);
  check_dropout(a.dropout, tokens, hidden);
}

void check_segments(const Arguments& args, const RowSegments& s, const char* order, const char* start, const char* row,
                    int64_t tokens) {
  args.require(s.order, order, DType::kI32, 1, tokens);
  args.require(s.row, row, DType::kI32, 1, -1);
  args.require(s.start, start, DType::kI32, 1, s.row.cols + 1);
}

// The segments without the spare ones at the end, and the order without the spare tokens.
RowSegments live_segments(Backend& backend, const RowSegments& s, const LiveRows& live) {
  std::vector<int32_t> rows(size_t(s.row.cols));
  if (!rows.empty()) backend.copy_to_host(rows.data(), s.row.data, s.row.bytes());
  RowSegments cut = s;
  cut.row.cols = std::find(rows.begin(), rows.end(), -1) - rows.begin();
  cut.start.cols = cut.row.cols + 1;
  live.input_lists({&cut.order});
  return cut;
}

}  // namespace

void embedding_forward(Backend& backend, const EmbeddingForward& a) {
  const Arguments args("embedding_forward");
  args.require_float(a.y, "y", -1, -1);
  check_inputs(args, a, a.y.dtype, a.y.rows, a.y.cols);
  if (const LiveRows live(backend, args, a.live, a.y.rows); live) {
    EmbeddingForward cut = a;
    live.input_lists({&cut.ids, &cut.position_ids, &cut.type_ids});
    live.results({&cut.y});
    live.result_lists({&cut.mean, &cut.rstd});
    live.keys(cut.dropout);
    cut.live = {};
    return embedding_forward(backend, cut);
  }
  if (a.y.rows == 0) return;
  check(a.y.cols > 0, "embedding_forward: y {} has no column to take a mean of", a.y.str());
  backend.embedding_forward(a);
}

void embedding_backward(Backend& backend, const EmbeddingBackward& a) {
  const Arguments args("embedding_backward");
  const EmbeddingForward& f = a.forward;
  const int64_t tokens = a.dy.rows, hidden = a.dy.cols;
  args.require_float(a.dy, "dy", -1, -1);
  check_inputs(args, f, a.dy.dtype, tokens, hidden);
  args.require(a.dword, "dword", DType::kF32, f.word.rows, hidden);
  args.require(a.dposition, "dposition", DType::kF32, f.position.rows, hidden);
  args.require(a.dtype, "dtype", DType::kF32, f.type.rows, hidden);
  args.require(a.dgamma, "dgamma", DType::kF32, 1, hidden);
  args.require(a.dbeta, "dbeta", DType::kF32, 1, hidden);
  if (tokens == 0) return;
  check_segments(args, a.word_segments, "word_segments.order", "word_segments.start", "word_segments.row", tokens);
  check_segments(args, a.position_segments, "position_segments.order", "position_segments.start",
                 "position_segments.row", tokens);
  check(hidden > 0, "embedding_backward: dy {} has no column", a.dy.str());
  if (const LiveRows live(backend, args, f.live, tokens); live) {
    EmbeddingBackward cut = a;
    live.results({&cut.dy});
    live.input_lists(
        {&cut.forward.ids, &cut.forward.position_ids, &cut.forward.type_ids, &cut.forward.mean, &cut.forward.rstd});
    live.keys(cut.forward.dropout);
    cut.word_segments = live_segments(backend, a.word_segments, live);
    cut.position_segments = live_segments(backend, a.position_segments, live);
    cut.forward.live = {};
    return embedding_backward(backend, cut);
  }
  backend.embedding_backward(a);
}

}  // namespace encore
