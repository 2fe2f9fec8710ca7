#include "kernels/cpu/vec/attention.h"

#include <omp.h>

#include <algorithm>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/ops/list_checks.h"

namespace encore {

namespace cpu {

namespace {

constexpr int64_t kTile = 64;

int64_t round_up(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

}  // namespace

// The fp32 tiles of one worker, then the arrays whose size grows with the sequence.
size_t attention_forward_scratch(int64_t keys, int head_size) {
  return sizeof(float) * size_t(3 * kTile * head_size + 2 * kTile * kTile + 3 * round_up(keys, kTile) * head_size);
}
size_t attention_backward_scratch(int64_t queries, int head_size) {
  const int64_t n = round_up(queries, kTile);
  return sizeof(float) * size_t(6 * kTile * head_size + 3 * kTile * kTile + 5 * n * head_size + 2 * n);
}

}  // namespace cpu

namespace {

using cpu::AttentionHead;
using cpu::HeadRows;

// A head of a sequence, or a share of its queries (forward) or keys (backward).
struct Work {
  int64_t sequence;
  int head;
  int64_t first, last;
  int64_t part;  // first row in the scratch of this share's part of dq; -1: the share writes dq itself
};

struct Lengths {
  const int32_t *keys, *queries;  // [N+1] first rows
  int64_t count;

  int64_t key_count(int64_t n) const { return keys[n + 1] - keys[n]; }
  int64_t query_count(int64_t n) const { return queries[n + 1] - queries[n]; }
  int64_t longest(const int32_t* starts) const {
    int64_t most = 0;
    for (int64_t n = 0; n < count; ++n) most = std::max<int64_t>(most, starts[n + 1] - starts[n]);
    return most;
  }
};

Lengths lengths_of(const AttentionShape& shape, int64_t queries, int64_t keys) {
  check_sequences("attention",
                  {.cu_seqlens = cpu::values(shape.cu_seqlens),
                   .cu_seqlens_q = cpu::values(shape.cu_seqlens_q),
                   .q_position = cpu::values(shape.q_position)},
                  {.tokens = keys, .queries = queries});
  Lengths l{shape.cu_seqlens.ptr<int32_t>(), shape.cu_seqlens.ptr<int32_t>(), shape.cu_seqlens.cols - 1};
  if (shape.cu_seqlens_q) l.queries = shape.cu_seqlens_q.ptr<int32_t>();
  return l;
}

// The heads of all sequences. Where they are too few for the threads, each is cut into several shares of whole tiles.
std::vector<Work> share_out(const Lengths& l, const int32_t* starts, int heads, int threads) {
  int64_t busy = 0;
  for (int64_t n = 0; n < l.count; ++n) busy += starts[n + 1] > starts[n];
  const int64_t cuts = std::max<int64_t>(1, 3 * threads / std::max<int64_t>(1, busy * heads));
  std::vector<Work> work;
  for (int64_t n = 0; n < l.count; ++n) {
    const int64_t length = starts[n + 1] - starts[n];
    const int64_t share = std::max(2 * cpu::kTile, cpu::round_up((length + cuts - 1) / cuts, cpu::kTile));
    for (int head = 0; head < heads; ++head)
      for (int64_t first = 0; first < length; first += share)
        work.push_back({n, head, first, std::min(length, first + share), -1});
  }
  return work;
}

HeadRows rows_of(const Tensor& t, int64_t row, int head, int head_size) {
  const int64_t offset = row * t.ld + int64_t(head) * head_size;
  return {static_cast<char*>(t.data) + size_t(offset) * size_of(t.dtype), t.ld};
}

// The arguments that forward and backward share, for all queries of the sequence.
template <class Arguments>
AttentionHead head_of(const Arguments& a, const Lengths& l, int64_t n, int head) {
  const AttentionShape& s = a.shape;
  const int64_t key = l.keys[n], query = l.queries[n];
  AttentionHead h{};
  h.q = rows_of(a.q, query, head, s.head_size);
  h.k = rows_of(a.k, key, head, s.head_size);
  h.v = rows_of(a.v, key, head, s.head_size);
  h.queries = l.query_count(n);
  h.keys = l.key_count(n);
  h.position = s.cu_seqlens_q && s.q_position ? s.q_position.ptr<int32_t>() + query : nullptr;
  h.visible = s.visible ? s.visible.ptr<uint8_t>() + key : nullptr;
  h.lse = a.lse.template row<float>(head) + query;
  h.head_size = s.head_size;
  h.scale = s.scale;
  h.draws.scale = 1;
  const uint32_t threshold = attention_dropout_threshold(a.dropout.p);
  if (threshold) {
    h.draws = {threshold, attention_dropout_scale(a.dropout.p), a.dropout.seed,
               a.dropout.example_keys.template ptr<uint64_t>()[n],
               draw_site(a.dropout.layer, Site::kAttentionProbabilities, uint32_t(head))};
    check(h.keys <= 32 * 4096, "attention: a sequence of {} keys is longer than the dropout draws serve (131072)",
          h.keys);
  }
  return h;
}

size_t aligned(size_t bytes) {
  return (bytes + 255) / 256 * 256;
}

}  // namespace

void CpuBackend::attention_forward(const AttentionForward& a) {
  const Lengths l = lengths_of(a.shape, a.q.rows, a.k.rows);
  const std::vector<Work> work = share_out(l, l.queries, a.shape.heads, threads_);
  const size_t each = aligned(cpu::attention_forward_scratch(l.longest(l.keys), a.shape.head_size));
  char* memory = scratch_of<char>(each * size_t(threads_));
  const auto run =
      a.q.dtype == DType::kBF16 ? ENCORE_VEC_CALL(attention_forward_bf16) : ENCORE_VEC_CALL(attention_forward_f32);
  std::vector<AttentionHead> heads;
  for (const Work& w : work) {
    AttentionHead h = head_of(a, l, w.sequence, w.head);
    h.q = rows_of(a.q, l.queries[w.sequence] + w.first, w.head, a.shape.head_size);
    h.queries = w.last - w.first;
    if (h.position) h.position += w.first;
    h.first_position = w.first;
    h.lse += w.first;
    heads.push_back(h);
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
  for (size_t i = 0; i < work.size(); ++i) {
    const Work& w = work[i];
    const HeadRows out = rows_of(a.out, l.queries[w.sequence] + w.first, w.head, a.shape.head_size);
    run(heads[i], out, memory + each * size_t(omp_get_thread_num()));
  }
}

namespace {

// dq = scale * the sum of the shares' parts, in rising order of the keys.
template <class T>
void add_parts(const AttentionBackward& a, const Lengths& l, const std::vector<Work>& work, const float* parts,
               int threads) {
  const int64_t d = a.shape.head_size;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (size_t i = 0; i < work.size(); ++i) {
    if (work[i].part < 0 || work[i].first > 0) continue;
    const HeadRows dq = rows_of(a.dq, l.queries[work[i].sequence], work[i].head, a.shape.head_size);
    for (int64_t r = 0; r < l.query_count(work[i].sequence); ++r)
      for (int64_t c = 0; c < d; ++c) {
        float sum = 0;
        for (size_t j = i; j < work.size() && (j == i || work[j].first > 0); ++j)
          sum += parts[(work[j].part + r) * d + c];
        static_cast<T*>(dq.data)[r * dq.ld + c] = from_float<T>(sum * a.shape.scale);
      }
  }
}

}  // namespace

void CpuBackend::attention_backward(const AttentionBackward& a) {
  const Lengths l = lengths_of(a.shape, a.q.rows, a.k.rows);
  std::vector<Work> work = share_out(l, l.keys, a.shape.heads, threads_);
  const int64_t d = a.shape.head_size;
  int64_t part_rows = 0;
  for (Work& w : work) {
    if (w.first == 0 && w.last == l.key_count(w.sequence)) continue;
    w.part = part_rows;
    part_rows += cpu::round_up(l.query_count(w.sequence), 16);
  }
  const size_t each = aligned(cpu::attention_backward_scratch(l.longest(l.queries), a.shape.head_size));
  char* memory = scratch_of<char>(each * size_t(threads_) + sizeof(float) * size_t(part_rows * d));
  float* parts = reinterpret_cast<float*>(memory + each * size_t(threads_));
  const auto run =
      a.q.dtype == DType::kBF16 ? ENCORE_VEC_CALL(attention_backward_bf16) : ENCORE_VEC_CALL(attention_backward_f32);
  std::vector<AttentionHead> heads;
  for (const Work& w : work) heads.push_back(head_of(a, l, w.sequence, w.head));
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
  for (size_t i = 0; i < work.size(); ++i) {
    const Work& w = work[i];
    const int64_t key = l.keys[w.sequence], query = l.queries[w.sequence];
    const int size = a.shape.head_size;
    run({.head = heads[i],
         .dout = rows_of(a.dout, query, w.head, size),
         .out = rows_of(a.out, query, w.head, size),
         .first_key = w.first,
         .last_key = w.last,
         .dk = rows_of(a.dk, key, w.head, size),
         .dv = rows_of(a.dv, key, w.head, size),
         .dq = rows_of(a.dq, query, w.head, size),
         .dq_part = w.part < 0 ? nullptr : parts + w.part * d},
        memory + each * size_t(omp_get_thread_num()));
  }
  if (part_rows == 0) return;
  dispatch_float(a.q.dtype, [&]<class T>() { add_parts<T>(a, l, work, parts, threads_); });
}

}  // namespace encore
