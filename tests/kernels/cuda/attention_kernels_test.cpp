// The attention kernels by themselves, at their launch functions, against double precision. Runs on the host executor
// (options by environment: SIMT_ORDER, SIMT_SEED, SIMT_RACE, ...), where it also counts bank conflicts.
#include <gtest/gtest.h>
#include <simt/executor.h>

#include <cstring>
#include <memory>
#include <random>

#include "kernels/base/dtype.h"
#include "kernels/cuda/attention/launches.h"
#include "tests/reference/attention_reference.h"

namespace encore::test {
namespace {

struct Case {
  std::vector<int> lengths;
  int heads, head_size;
  DType dtype = DType::kBF16;
  float p = 0;
  bool subset = false, hidden = false;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  for (int l : c.lengths) out << l << ",";
  return out << " heads " << c.heads << " of " << c.head_size << " " << name_of(c.dtype) << " p " << c.p
             << (c.subset ? " subset" : "") << (c.hidden ? " hidden keys" : "");
}

double rounded(double x, DType dtype) {
  return dtype == DType::kBF16 ? double(to_float(to_bf16(float(x)))) : double(float(x));
}

// A block of device memory of its own, so that accesses beyond it are seen.
struct Block {
  explicit Block(size_t bytes) { cudaMalloc(&data, bytes ? bytes : 16); }
  Block(const Block&) = delete;
  ~Block() { cudaFree(data); }
  void* data = nullptr;
};

class Problem {
 public:
  explicit Problem(const Case& c) : dtype(c.dtype), element(size_of(c.dtype)) {
    r.heads = c.heads, r.head_size = c.head_size, r.scale = 1 / std::sqrt(double(c.head_size));
    r.p = c.p, r.seed = 0x1234567890abcdefull, r.layer = 3;
    r.starts = r.starts_q = {0};
    for (size_t n = 0; n < c.lengths.size(); ++n) {
      r.starts.push_back(r.starts.back() + c.lengths[n]);
      r.example_keys.push_back(example_key(2, 1000 + 7 * n));
      for (int i = 0; i < c.lengths[n]; ++i)
        if (!c.subset || (random() % 7 == 0 && n != 1)) r.position.push_back(i);
      r.starts_q.push_back(int(r.position.size()));
    }
    if (c.hidden)  // all keys of the first sequence are hidden
      for (int t = 0; t < tokens(); ++t) r.visible.push_back(t >= r.starts[1] && random() % 3 != 0);
    r.q = normal(queries(), 1.5), r.k = normal(tokens(), 1.5), r.v = normal(tokens(), 1.5),
    r.dout = normal(queries(), 1);
    make(c);
  }
  int64_t tokens() const { return r.starts.back(); }
  int64_t queries() const { return int64_t(r.position.size()); }
  int64_t width() const { return int64_t(r.heads) * r.head_size; }
  std::vector<double> normal(int64_t rows, double deviation) {
    std::normal_distribution<double> d(0, deviation);
    std::vector<double> v(size_t(rows * width()));
    for (double& x : v) x = rounded(d(random), dtype);
    return v;
  }

  void put(const cuda::HeadMatrix& m, const std::vector<double>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      char* to = static_cast<char*>(m.data) + (int64_t(i) / width() * m.ld + int64_t(i) % width()) * int64_t(element);
      const float x = float(values[i]);
      const bf16 h = to_bf16(x);
      std::memcpy(to, dtype == DType::kBF16 ? static_cast<const void*>(&h) : &x, element);
    }
  }
  std::vector<double> get(const cuda::HeadMatrix& m, int64_t rows) const {
    std::vector<double> values;
    for (int64_t i = 0; i < rows * width(); ++i) {
      const char* from = static_cast<const char*>(m.data) + (i / width() * m.ld + i % width()) * int64_t(element);
      float x;
      bf16 h;
      if (dtype == DType::kBF16) std::memcpy(&h, from, 2), x = to_float(h);
      if (dtype != DType::kBF16) std::memcpy(&x, from, 4);
      values.push_back(x);
    }
    return values;
  }
  std::vector<double> lse() const {
    std::vector<double> values;
    for (int head = 0; head < r.heads; ++head)
      values.insert(values.end(), a.lse + head * a.lse_ld, a.lse + head * a.lse_ld + queries());
    return values;
  }
  void forward() {
    const auto run = dtype == DType::kBF16 ? cuda::attention_forward_bf16 : cuda::attention_forward_f32;
    const cudaError_t e = run(a, nullptr);
    ASSERT_EQ(e, cudaSuccess) << cudaGetErrorString(e);
  }
  void backward() {
    const auto run = dtype == DType::kBF16 ? cuda::attention_backward_bf16 : cuda::attention_backward_f32;
    const cudaError_t e = run(a, nullptr);
    ASSERT_EQ(e, cudaSuccess) << cudaGetErrorString(e);
  }

  DType dtype;
  size_t element;
  std::mt19937_64 random{11};
  reference::AttentionProblem r;
  cuda::AttentionArguments a{};

 private:
  std::vector<std::unique_ptr<Block>> blocks;

  void* memory(size_t bytes) {
    blocks.push_back(std::make_unique<Block>(bytes));
    return blocks.back()->data;
  }
  cuda::HeadMatrix matrix(int64_t rows, int64_t gap) {
    const int64_t ld = width() + gap;
    return {memory(rows ? size_t((rows - 1) * ld + width()) * element : 0), ld};
  }
  template <class T>
  const T* list(const std::vector<T>& values) {
    void* to = memory(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(to, values.data(), values.size() * sizeof(T));
    return static_cast<const T*>(to);
  }
  void make(const Case& c) {
    a.q = matrix(queries(), 2 * width()), a.k = matrix(tokens(), 8), a.v = matrix(tokens(), 16);
    a.out = matrix(queries(), 8), a.dout = matrix(queries(), 24), a.dq = matrix(queries(), 16);
    a.dk = matrix(tokens(), 0), a.dv = matrix(tokens(), 8);
    put(a.q, r.q), put(a.k, r.k), put(a.v, r.v), put(a.dout, r.dout);
    a.lse_ld = queries() + 3;
    a.lse = static_cast<float*>(memory(size_t(a.lse_ld * r.heads) * 4));
    a.delta = static_cast<float*>(memory(size_t(queries() * r.heads) * 4));
    a.cu_seqlens = list(r.starts), a.cu_seqlens_q = c.subset ? list(r.starts_q) : a.cu_seqlens;
    if (c.subset) a.q_position = list(r.position);
    if (c.hidden) a.visible = list(std::vector<uint8_t>(r.visible.begin(), r.visible.end()));
    a.queries = queries(), a.tokens = tokens(), a.sequences = int(c.lengths.size());
    a.heads = r.heads, a.head_size = r.head_size, a.scale = float(r.scale);
    a.threshold = attention_dropout_threshold(c.p), a.keep_scale = attention_dropout_scale(c.p);
    a.seed = r.seed, a.layer = r.layer;
    if (c.p > 0) a.example_keys = list(r.example_keys);
  }
};

double worst_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const double d = std::fabs(a[i] - b[i]);
    worst = d <= worst ? worst : d;  // a NaN stays
  }
  return worst;
}
double largest(const std::vector<double>& v) {
  double most = 0;
  for (double x : v)
    if (std::isfinite(x)) most = std::max(most, std::fabs(x));
  return most;
}

class AttentionKernels : public ::testing::TestWithParam<Case> {};

TEST_P(AttentionKernels, MatchTheReference) {
  Problem p(GetParam());
  simt::reset_stats();
  p.forward();
  if (HasFatalFailure()) return;
  p.backward();
  if (HasFatalFailure()) return;
  EXPECT_EQ(simt::stats().ldmatrix_conflicts, 0u);
  const auto exact = reference::attention(p.r);
  const auto round = [&](double x) { return rounded(x, p.dtype); };
  const auto plain = reference::attention<float>(p.r, round, round);
  const auto expect_close = [&](const char* name, const std::vector<double>& got, const std::vector<double>& want,
                                const std::vector<double>& loops) {
    EXPECT_LE(worst_difference(got, want),
              2 * worst_difference(loops, want) + 2e-6 * std::max(largest(want), largest(p.r.dout)))
        << name;
  };
  expect_close("out", p.get(p.a.out, p.queries()), exact.out, plain.out);
  expect_close("lse", p.lse(), exact.lse, plain.lse);
  expect_close("dq", p.get(p.a.dq, p.queries()), exact.dq, plain.dq);
  expect_close("dk", p.get(p.a.dk, p.tokens()), exact.dk, plain.dk);
  expect_close("dv", p.get(p.a.dv, p.tokens()), exact.dv, plain.dv);
}

constexpr DType F = DType::kF32, B = DType::kBF16;
INSTANTIATE_TEST_SUITE_P(Lengths, AttentionKernels,
                         ::testing::Values(Case{{1}, 1, 64}, Case{{17, 64}, 2, 64}, Case{{65, 1, 130}, 3, 64},
                                           Case{{0, 3, 0, 5, 0}, 3, 32}, Case{{130, 31}, 2, 32}, Case{{100, 31}, 2, 96},
                                           Case{{65, 130}, 1, 128}));
INSTANTIATE_TEST_SUITE_P(Dropout, AttentionKernels,
                         ::testing::Values(Case{{1, 17}, 1, 64, B, 0.5f}, Case{{40, 130, 64}, 2, 64, B, 0.1f},
                                           Case{{33}, 1, 32, B, 0.1f}, Case{{65, 100}, 2, 96, B, 0.3f},
                                           Case{{130}, 1, 128, B, 0.1f}));
INSTANTIATE_TEST_SUITE_P(Subsets, AttentionKernels,
                         ::testing::Values(Case{{90, 20, 150}, 2, 64, B, 0, true},
                                           Case{{150, 3, 0, 520}, 1, 64, B, 0.1f, true},
                                           Case{{5, 70, 20}, 2, 64, B, 0, false, true},
                                           Case{{90, 20, 150}, 2, 64, B, 0.1f, true, true}));
INSTANTIATE_TEST_SUITE_P(Fp32, AttentionKernels,
                         ::testing::Values(Case{{1, 17}, 2, 64, F}, Case{{65, 0, 130}, 2, 32, F, 0.1f},
                                           Case{{33, 40}, 1, 96, F}, Case{{70}, 1, 128, F, 0.3f},
                                           Case{{90, 20, 150}, 2, 64, F, 0.1f, true},
                                           Case{{5, 70, 20}, 2, 64, F, 0.1f, false, true}));

// Equal scores and an identity for V: the outputs are the mask.
TEST(AttentionKernels, DropoutBitsAreThoseOfTheContract) {
  for (const bool subset : {false, true})
    for (const DType dtype : {B, F}) {
      Problem p({{128, 99}, 2, 128, dtype, 0.3f, subset});
      std::vector<double> v(p.r.v.size());
      for (size_t n = 0; n < 2; ++n)
        for (int c = p.r.starts[n]; c < p.r.starts[n + 1]; ++c)
          for (int head = 0; head < 2; ++head) v[size_t(c * p.width() + head * 128 + c - p.r.starts[n])] = 1;
      p.put(p.a.q, std::vector<double>(p.r.q.size()));
      p.put(p.a.v, v);
      p.forward();
      const auto out = p.get(p.a.out, p.queries());
      int64_t wrong = 0, kept = 0;
      for (size_t n = 0; n < 2; ++n)
        for (int r = p.r.starts_q[n]; r < p.r.starts_q[n + 1]; ++r)
          for (int head = 0; head < 2; ++head)
            for (int c = 0; c < p.r.starts[n + 1] - p.r.starts[n]; ++c) {
              const bool keep = reference::attention_kept(p.r.seed, p.r.example_keys[n], p.r.layer, head,
                                                          p.r.position[size_t(r)], c, p.r.p);
              wrong += keep != (out[size_t(r * p.width() + head * 128 + c)] != 0);
              kept += keep;
            }
      EXPECT_EQ(wrong, 0) << name_of(dtype) << (subset ? " subset" : "");
      EXPECT_GT(kept, 100);
    }
}

}  // namespace
}  // namespace encore::test
