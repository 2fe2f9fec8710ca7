#include "kernels/ops/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"

namespace encore {
namespace {

void check_attention_dropout(const Arguments& args, const AttentionDropout& d, int64_t sequences) {
  check(d.p >= 0 && d.p < 1, "{}: dropout p is {}, not in [0, 1)", args.op(), d.p);
  if (d.p == 0) return;
  check(attention_dropout_threshold(d.p) < 256,
        "{}: dropout p is {}, which drops every probability once rounded to 1/256", args.op(), d.p);
  args.require(d.example_keys, "dropout.example_keys", DType::kU64, 1, sequences);
  check(d.layer < 256, "{}: layer {} does not fit the 8 bits of a draw", args.op(), d.layer);
}

// The contents of cu_seqlens lie in backend memory, so the backends check them (list_checks.h).
void check_attention_shape(const Arguments& args, const AttentionShape& s, int64_t queries, int64_t tokens,
                           int64_t width) {
  check(s.heads > 0, "{}: heads is {}", args.op(), s.heads);
  check(std::find(std::begin(kHeadSizes), std::end(kHeadSizes), s.head_size) != std::end(kHeadSizes),
        "{}: a head size of {} is not served ({} are)", args.op(), s.head_size, fmt::join(kHeadSizes, ", "));
  check(width == int64_t(s.heads) * s.head_size, "{}: q has {} columns, not {} heads of {}", args.op(), width, s.heads,
        s.head_size);
  check(std::isfinite(s.scale) && s.scale > 0, "{}: scale is {}, not above 0", args.op(), s.scale);
  args.require(s.cu_seqlens, "cu_seqlens", DType::kI32, 1, -1);
  check(s.cu_seqlens.cols >= 1, "{}: cu_seqlens is {}, not i32 [1, N+1]", args.op(), s.cu_seqlens.str());
  check(bool(s.cu_seqlens_q) == bool(s.q_position) || (queries == 0 && s.cu_seqlens_q),
        "{}: cu_seqlens_q and q_position come together: one of them is missing", args.op());
  if (s.cu_seqlens_q) {
    args.require(s.cu_seqlens_q, "cu_seqlens_q", DType::kI32, 1, s.cu_seqlens.cols);
    if (queries > 0) args.require(s.q_position, "q_position", DType::kI32, 1, queries);
  } else {
    check(queries == tokens, "{}: {} query rows against {} keys need cu_seqlens_q and q_position", args.op(), queries,
          tokens);
  }
  args.optional(s.visible, "visible", DType::kU8, 1, tokens);
}

// The number of live rows, for a backend that takes it from the shapes.
struct LiveCounts {
  int64_t queries, tokens;
};
LiveCounts count_rows(Backend& backend, const Arguments& args, const AttentionShape& s, int64_t queries,
                      int64_t tokens) {
  const auto last = [&](const Tensor& starts, const char* name, int64_t rows) {
    int32_t end = 0;
    backend.copy_to_host(&end, starts.col_range(starts.cols - 1, 1).data, sizeof end);
    check(end >= 0 && end <= rows, "{}: {} {} ends at {}, and there are {} rows", args.op(), name, starts.str(), end,
          rows);
    return int64_t(end);
  };
  LiveCounts counts{0, last(s.cu_seqlens, "cu_seqlens", tokens)};
  counts.queries = s.cu_seqlens_q ? last(s.cu_seqlens_q, "cu_seqlens_q", queries) : counts.tokens;
  return counts;
}
void cut_lists(AttentionShape& s, const LiveCounts& counts) {
  s.spare_rows = false;
  if (s.q_position) s.q_position.cols = counts.queries;
  if (s.visible) s.visible.cols = counts.tokens;
}
void cut_result(Backend& backend, Tensor& t, int64_t count) {
  for (int64_t r = count; r < t.rows; ++r) backend.fill_zero(t.row_range(r, 1).data, size_t(t.cols) * size_of(t.dtype));
  t.rows = count;
}

// The call without the spare rows.
void forward_cut(Backend& backend, const Arguments& args, const AttentionForward& a) {
  const LiveCounts live = count_rows(backend, args, a.shape, a.q.rows, a.k.rows);
  AttentionForward cut = a;
  cut_lists(cut.shape, live);
  cut_result(backend, cut.out, live.queries);
  cut.q.rows = live.queries, cut.k.rows = cut.v.rows = live.tokens;
  cut.lse.cols = live.queries;
  const std::vector<float> nothing(size_t(a.q.rows - live.queries), -INFINITY);
  for (int64_t head = 0; head < a.lse.rows && !nothing.empty(); ++head)
    backend.copy_to_device(a.lse.row_range(head, 1).col_range(live.queries, 1).data, nothing.data(),
                           nothing.size() * sizeof(float));
  attention_forward(backend, cut);
}
void backward_cut(Backend& backend, const Arguments& args, const AttentionBackward& a) {
  const LiveCounts live = count_rows(backend, args, a.shape, a.q.rows, a.k.rows);
  AttentionBackward cut = a;
  cut_lists(cut.shape, live);
  cut_result(backend, cut.dq, live.queries);
  cut_result(backend, cut.dk, live.tokens);
  cut_result(backend, cut.dv, live.tokens);
  for (Tensor* t : {&cut.q, &cut.out, &cut.dout}) t->rows = live.queries;
  cut.k.rows = cut.v.rows = live.tokens;
  cut.lse.cols = live.queries;
  attention_backward(backend, cut);
}

}  // namespace

void attention_forward(Backend& backend, const AttentionForward& a) {
  const Arguments args("attention_forward");
  const int64_t queries = a.q.rows, tokens = a.k.rows, width = a.q.cols;
  args.require_float(a.q, "q", -1, -1);
  args.require(a.k, "k", a.q.dtype, -1, width);
  args.require(a.v, "v", a.q.dtype, tokens, width);
  check_attention_shape(args, a.shape, queries, tokens, width);
  args.require(a.out, "out", a.q.dtype, queries, width);
  args.require(a.lse, "lse", DType::kF32, a.shape.heads, queries);
  args.apart(a.out, "out", a.q, "q");
  args.apart(a.out, "out", a.k, "k");
  args.apart(a.out, "out", a.v, "v");
  check_attention_dropout(args, a.dropout, a.shape.cu_seqlens.cols - 1);
  if (queries == 0) return;
  if (a.shape.spare_rows && !backend.reads_live_rows()) return forward_cut(backend, args, a);
  backend.attention_forward(a);
}

void attention_backward(Backend& backend, const AttentionBackward& a) {
  const Arguments args("attention_backward");
  const int64_t queries = a.q.rows, tokens = a.k.rows, width = a.q.cols;
  args.require_float(a.q, "q", -1, -1);
  args.require(a.k, "k", a.q.dtype, -1, width);
  args.require(a.v, "v", a.q.dtype, tokens, width);
  check_attention_shape(args, a.shape, queries, tokens, width);
  args.require(a.dout, "dout", a.q.dtype, queries, width);
  args.require(a.out, "out", a.q.dtype, queries, width);
  args.require(a.lse, "lse", DType::kF32, a.shape.heads, queries);
  args.require(a.dq, "dq", a.q.dtype, queries, width);
  args.require(a.dk, "dk", a.q.dtype, tokens, width);
  args.require(a.dv, "dv", a.q.dtype, tokens, width);
  const Tensor* const in[] = {&a.dout, &a.q, &a.k, &a.v, &a.out};
  const char* const in_names[] = {"dout", "q", "k", "v", "out"};
  for (int i = 0; i < 5; ++i) {
    args.apart(a.dq, "dq", *in[i], in_names[i]);
    args.apart(a.dk, "dk", *in[i], in_names[i]);
    args.apart(a.dv, "dv", *in[i], in_names[i]);
  }
  args.apart(a.dq, "dq", a.dk, "dk");
  args.apart(a.dq, "dq", a.dv, "dv");
  args.apart(a.dk, "dk", a.dv, "dv");
  check_attention_dropout(args, a.dropout, a.shape.cu_seqlens.cols - 1);
  // Without queries the gradient of the keys is 0 and still has to be written.
  if (tokens == 0) return;
  if (a.shape.spare_rows && !backend.reads_live_rows()) return backward_cut(backend, args, a);
  backend.attention_backward(a);
}

}  // namespace encore
