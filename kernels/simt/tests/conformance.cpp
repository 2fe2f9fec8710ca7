// Every primitive and both matrix products, written against the CUDA runtime alone, so that the same program runs on
// the host executor and on a GPU:
//
//   nvcc -std=c++20 -gencode arch=compute_90a,code=sm_90a -I kernels/cuda -I kernels/simt/tests
//        kernels/simt/tests/{conformance.cpp,{primitives,clusters,bulk_copies,early_launches,matmul_mma,matmul_wgmma}.cu}
//        -o conformance && ./conformance
//
// Inputs are small integers, so fp32 sums are exact. The first six hashes are the executor's, and a GPU must give the
// same. The products are compared with a plain loop, and 2^x, which may differ in its last bits, with the C library's.
// CMake builds the program for GPUs as cuda_conformance (kernels/cuda/toolkit).
#include <kernels.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

int failures = 0;

bool good(cudaError_t e, const char* what) {
  if (e == cudaSuccess) return true;
  std::printf("%s: %s\n", what, cudaGetErrorString(e));
  ++failures;
  return false;
}

// Small integers in bf16, two to a word.
std::vector<uint32_t> integers(size_t words) {
  std::vector<uint32_t> v(words);
  uint32_t s = 1;
  auto next = [&s] {
    s = s * 1664525 + 1013904223;
    const __nv_bfloat16 b = __float2bfloat16(float(int(s >> 28) - 8));
    unsigned short bits;
    std::memcpy(&bits, &b, 2);
    return uint32_t(bits);
  };
  for (uint32_t& w : v) {
    w = next();
    w |= next() << 16;
  }
  return v;
}

uint64_t hash_of(const void* p, size_t words) {
  uint64_t hash = 1469598103934665603ull;
  for (size_t i = 0; i < words; ++i) {
    uint32_t w;
    std::memcpy(&w, static_cast<const char*>(p) + 4 * i, 4);
    hash = (hash ^ w) * 1099511628211ull;
  }
  return hash;
}

// The hash of scale * A[m,k] B^T for the integers above; B is [n,k], or [k,n] when transposed.
uint64_t product_hash(int m, int n, int k, bool transposed, float scale) {
  const std::vector<uint32_t> in = integers(size_t(m + n) * k / 2);
  auto value = [&](size_t i) {
    const uint32_t bits = (in[i / 2] >> 16 * (i % 2)) << 16;
    float f;
    std::memcpy(&f, &bits, 4);
    return f;
  };
  std::vector<float> c(size_t(m) * n, 0.0f);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      float sum = 0;
      for (int l = 0; l < k; ++l) {
        const size_t b = transposed ? size_t(l) * n + j : size_t(j) * k + l;
        sum += value(size_t(i) * k + l) * value(size_t(m) * k + b);
      }
      c[size_t(i) * n + j] = scale * sum;
    }
  }
  return hash_of(c.data(), c.size());
}

// Runs `go(device input, device output)` and compares the hash of the output.
template <class F>
void check(const char* name, size_t in_words, size_t out_words, uint64_t expected, F go) {
  const std::vector<uint32_t> in = integers(in_words);
  std::vector<uint32_t> out(out_words);
  void *din = nullptr, *dout = nullptr;
  const bool ran = good(cudaMalloc(&din, in_words * 4), name) && good(cudaMalloc(&dout, out_words * 4), name) &&
                   good(cudaMemcpy(din, in.data(), in_words * 4, cudaMemcpyHostToDevice), name) &&
                   good(cudaMemset(dout, 0, out_words * 4), name) &&
                   good(go(static_cast<uint32_t*>(din), static_cast<uint32_t*>(dout)), name) &&
                   good(cudaMemcpy(out.data(), dout, out_words * 4, cudaMemcpyDeviceToHost), name);
  cudaFree(din);
  cudaFree(dout);
  if (!ran) return;
  const uint64_t hash = hash_of(out.data(), out.size());
  failures += hash != expected;
  std::printf("%-28s %016llx %s\n", name, static_cast<unsigned long long>(hash), hash == expected ? "ok" : "DIFFERS");
}

// The largest error of 2^x on [-126, 126) and at -inf.
void check_exp2() {
  const int n = 64 * 64;
  std::vector<float> x(n), y(n);
  for (int i = 0; i < n; ++i) x[size_t(i)] = -126 + 252 * float(i) / float(n);
  x[0] = -INFINITY;
  float *dx = nullptr, *dy = nullptr;
  const bool ran = good(cudaMalloc(&dx, n * 4), "2^x") && good(cudaMalloc(&dy, n * 4), "2^x") &&
                   good(cudaMemcpy(dx, x.data(), n * 4, cudaMemcpyHostToDevice), "2^x") &&
                   good(simt_test::run_exp2(dx, dy, n, nullptr), "2^x") &&
                   good(cudaMemcpy(y.data(), dy, n * 4, cudaMemcpyDeviceToHost), "2^x");
  cudaFree(dx);
  cudaFree(dy);
  if (!ran) return;
  double worst = y[0] == 0 ? 0 : INFINITY;
  for (size_t i = 1; i < y.size(); ++i) worst = std::fmax(worst, std::fabs(y[i] / std::exp2(double(x[i])) - 1));
  const bool ok = worst <= 0x1p-21;
  failures += !ok;
  std::printf("%-28s worst relative error %.2g %s\n", "2^x", worst, ok ? "ok" : "DIFFERS");
}

}  // namespace

int main() {
  using namespace simt_test;
  check("shuffles, votes", 1, 26 * 32, 0x7a5b293f18ed4e13,
        [](uint32_t*, uint32_t* o) { return run_shuffles(o, nullptr); });
  check("cp.async, ldmatrix, mma", 64 * 32, 12 * 32, 0x1623607c45b885c3,
        [](uint32_t* i, uint32_t* o) { return run_warp_matrix(i, o, nullptr); });
  check("barriers, ldmatrix x1 x2", 256, 7 * 32, 0xef9226bbeaa4e9c3,
        [](uint32_t* i, uint32_t* o) { return run_hand_over(i, o, nullptr); });
  check("clusters", 64, 3 * 4 * 96, 0x8c75d3e92ed0a983,
        [](uint32_t* i, uint32_t* o) { return run_clusters(ClusterFault::kNone, 4, 3, i, o, nullptr); });
  check("bulk copies", 7 * 160, 7 * 32, 0x501fcbea6fefcb03,
        [](uint32_t* i, uint32_t* o) { return run_bulk_copies(BulkFault::kNone, i, 7, o, nullptr); });
  check("early launches", 64, 2 * 264 * 128, 0x58b844c108937f83,
        [](uint32_t* i, uint32_t* o) { return run_early(EarlyFault::kNone, 264, i, o, o + 264 * 128, nullptr); });
  for (const int size : {1, 2, 4, 8}) {
    int count = 0;
    if (good(count_clusters(size, &count), "count of clusters"))
      std::printf("clusters of %d at a time          %d\n", size, count);
  }
  check_exp2();
  const int m = 72, n = 136, k = 192;
  auto product = [&](const char* name, uint64_t expected, auto go) {
    check(name, size_t(m + n) * k / 2, size_t(m) * n, expected, [&](uint32_t* i, uint32_t* o) {
      auto* a = reinterpret_cast<__nv_bfloat16*>(i);
      return go(a, a + size_t(m) * k, reinterpret_cast<float*>(o));
    });
  };
  const uint64_t plain = product_hash(m, n, k, false, 1), doubled = product_hash(m, n, k, false, 2),
                 transposed = product_hash(m, n, k, true, 1);
  product("product: mma.sync", plain,
          [&](auto* a, auto* b, float* c) { return matmul_mma(a, b, c, m, n, k, nullptr); });
  const struct {
    const char* name;
    WgmmaForm form;
    uint64_t expected;
  } forms[] = {{"product: wgmma", WgmmaForm::kShared, plain},
               {"product: wgmma, A registers", WgmmaForm::kRegisters, plain},
               {"product: wgmma, B transposed", WgmmaForm::kTransposed, transposed},
               {"product: wgmma, both", WgmmaForm::kRegistersTransposed, transposed},
               {"product: wgmma, A rewritten", WgmmaForm::kScaled, doubled},
               {"product: wgmma, N = 256", WgmmaForm::kWide, plain}};
  for (const auto& f : forms) {
    product(f.name, f.expected,
            [&](auto* a, auto* b, float* c) { return matmul_wgmma(f.form, a, b, c, m, n, k, nullptr); });
  }
  return failures != 0;
}
