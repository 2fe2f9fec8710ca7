// Attention: heads and sequences are independent, so one head is run, with one sequence and with two.
#include <cmath>

#include "bench/kernels/cost/workload.h"
#include "kernels/backend.h"
#include "kernels/ops/attention.h"

namespace encore::cost {
namespace {

struct Form {
  DType dtype;
  float dropout;
  bool backward;
  int64_t head_size, heads, length;
  bool atomics = false;
};

Case attention_case(const Form& f, bool fast) {
  std::string variant = f.dtype == DType::kF32 ? "fp32" : "bf16";
  variant += f.head_size != 64 ? ", head size " + std::to_string(f.head_size) : "";
  variant += f.dropout > 0 ? ", dropout" : "";
  variant += f.atomics ? ", with atomics" : "";
  // Two products of 2 S S D a head forward, five backward. The executor counts the products of the bf16 kernels, which
  // compute one of them twice.
  const double products = f.backward ? 5 : 2, flops = products * 2 * double(f.length * f.head_size * f.heads * kTokens);
  return {f.backward ? "attention_backward" : "attention_forward",
          variant,
          "",
          f.length,
          double(kTokens / f.length),
          double(f.heads),
          flops,
          {1, 2},
          fast,
          [=](Workload& w, int64_t sequences) {
            const int64_t rows = sequences * f.length, d = f.head_size;
            std::vector<int32_t> starts;
            std::vector<uint64_t> keys;
            for (int64_t n = 0; n <= sequences; ++n)
              starts.push_back(int32_t(n * f.length)), keys.push_back(uint64_t(n));
            keys.pop_back();
            AttentionShape shape;
            shape.heads = 1, shape.head_size = int(d), shape.scale = 1 / std::sqrt(float(d));
            shape.cu_seqlens = w.list(starts);
            AttentionDropout dropout{f.dropout, 7, 1, {}};
            if (f.dropout > 0) dropout.example_keys = w.list(keys);
            const auto rows_of_heads = [&] { return w.make(f.dtype, rows, d); };
            const Tensor q = rows_of_heads(), k = rows_of_heads(), v = rows_of_heads(), out = rows_of_heads();
            const Tensor lse = w.make(DType::kF32, 1, rows);
            if (!f.backward) {
              const AttentionForward a{q, k, v, out, lse, shape, dropout};
              return w.measure([&](Backend& b) { attention_forward(b, a); });
            }
            const AttentionBackward a{
                rows_of_heads(), q,     k,       v,         out, lse, rows_of_heads(), rows_of_heads(),
                rows_of_heads(), shape, dropout, !f.atomics};
            w.measure([&](Backend& b) { attention_backward(b, a); });
          }};
}

}  // namespace

std::vector<Case> attention_cases(const Model& m, int64_t length, bool fast) {
  std::vector<Case> all;
  for (const bool backward : {false, true}) {
    for (const float p : {0.1f, 0.f})
      all.push_back(attention_case({DType::kBF16, p, backward, 64, m.heads, length}, fast));
    if (m.name == "base") all.push_back(attention_case({DType::kF32, 0.1f, backward, 64, m.heads, length}, fast));
  }
  all.push_back(attention_case({DType::kBF16, 0.1f, true, 64, m.heads, length, true}, fast));
  for (Case& c : all) c.model = m.name;
  return all;
}

// The head sizes that RoBERTa does not have.
std::vector<Case> head_size_cases() {
  std::vector<Case> all;
  for (const int64_t d : {32, 96, 128})
    for (const bool backward : {false, true})
      all.push_back(attention_case({DType::kBF16, 0.1f, backward, d, 768 / d, 128}, true));
  for (Case& c : all) c.model = "768 columns";
  return all;
}

}  // namespace encore::cost
