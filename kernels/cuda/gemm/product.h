// One matrix product of cuBLASLt: its description, its plan, its launch, and the choice of its algorithm by timing.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <memory>
#include <string>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/tensor.h"

namespace encore::cuda {

// D [m, n] (+)= op(A) [m, k] op(B) [k, n], all column-major. Products that are equal share a plan.
struct Product {
  bool transpose_a = false, transpose_b = false;
  int64_t m, n, k, lda, ldb, ldd;
  DType in, out;  // of A and B; of D
  bool bias = false, accumulate = false;
  uint32_t align_a, align_b, align_d;  // bytes

  bool operator==(const Product&) const = default;
  // The dimension that is the batch's rows: k of a weight gradient, which sums over them, else n.
  int64_t& rows() { return transpose_b ? k : n; }
  // The product that shares its algorithm with this one and its neighbours, since a few rows more or less do not change
  // which is fastest: rows rounded up to 64, or to a quarter of the power of two below.
  Product representative() const;
  std::string str() const;  // "bf16 TN 768x4096x3072 ld 3072,3072,768 align 256,256,256 add"
};

struct ProductHash {
  size_t operator()(const Product& p) const {
    uint64_t h = 0;
    for (const int64_t v : {p.m, p.n, p.k, p.lda, p.ldb, p.ldd, int64_t(p.align_a) << 32 | p.align_b,
                            int64_t(p.align_d) << 32 | int64_t(p.in) << 16 | int64_t(p.out) << 8 | p.transpose_a << 3 |
                                p.transpose_b << 2 | p.bias << 1 | p.accumulate})
      h = (h ^ uint64_t(v)) * 0x9E3779B97F4A7C15u, h ^= h >> 29;
    return h;
  }
};

struct Destroy {
  void operator()(cublasLtMatmulDesc_t p) const { cublasLtMatmulDescDestroy(p); }
  void operator()(cublasLtMatrixLayout_t p) const { cublasLtMatrixLayoutDestroy(p); }
  void operator()(cublasLtMatmulPreference_t p) const { cublasLtMatmulPreferenceDestroy(p); }
};

// The algorithm of all products with one representative.
struct AlgorithmChoice {
  cublasLtMatmulAlgo_t algorithm{};
  int version = 0;  // rises with each new algorithm; 0: none yet
  int uses = 0;
  bool timed = false;  // chosen by timing, by this program or an earlier one
};

struct Plan {
  explicit Plan(const Product&);
  std::unique_ptr<std::remove_pointer_t<cublasLtMatmulDesc_t>, Destroy> operation;
  std::unique_ptr<std::remove_pointer_t<cublasLtMatrixLayout_t>, Destroy> a, b, d;
  cublasLtMatmulAlgo_t algorithm{};
  AlgorithmChoice* choice = nullptr;  // the representative's
  int choice_version = 0;             // the version of the choice that `algorithm` comes from; 0: none yet
};

struct Operands {
  const void *a, *b;
  void* d;
  const void* bias;  // of D's dtype; null: none
};

struct GemmContext {
  cublasLtHandle_t handle;
  cudaStream_t stream;
  void* workspace;
  size_t workspace_bytes;
};

// Throws DeviceError naming product, action and status unless it is success.
void check_cublas(cublasStatus_t, const Product&, const char* action);

// d = alpha A B (+ d if the product accumulates), by this algorithm.
cublasStatus_t multiply(const GemmContext&, const Product&, const Plan&, const cublasLtMatmulAlgo_t&, const Operands&,
                        void* d);

// Times every candidate on these operands and returns the fastest. The results go into memory of its own; without room
// for that, the first candidate is returned untimed. Waits for the stream.
cublasLtMatmulAlgo_t fastest(const GemmContext&, const Product&, const Plan&, const Operands&,
                             const std::vector<cublasLtMatmulHeuristicResult_t>& candidates);

// Launches out [1, N] in bf16 = bias [1, N] in fp32, rounded. out is 16-byte aligned.
cudaError_t bias_to_bf16(const Tensor& bias, void* out, cudaStream_t);

}  // namespace encore::cuda
