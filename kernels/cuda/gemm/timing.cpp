#include <algorithm>
#include <limits>

#include "kernels/cuda/event.h"
#include "kernels/cuda/gemm/product.h"

namespace encore::cuda {
namespace {

constexpr int kRuns = 5;

}  // namespace

cublasStatus_t multiply(const GemmContext& context, const Product& p, const Plan& plan,
                        const cublasLtMatmulAlgo_t& algorithm, const Operands& operands, void* d) {
  const float one = 1, beta = p.accumulate ? 1.0f : 0.0f;
  return cublasLtMatmul(context.handle, plan.operation.get(), &one, operands.a, plan.a.get(), operands.b, plan.b.get(),
                        &beta, d, plan.d.get(), d, plan.d.get(), &algorithm, context.workspace, context.workspace_bytes,
                        context.stream);
}

cublasLtMatmulAlgo_t fastest(const GemmContext& context, const Product& p, const Plan& plan, const Operands& operands,
                             const std::vector<cublasLtMatmulHeuristicResult_t>& candidates) {
  if (candidates.size() == 1) return candidates.front().algo;
  void* d = nullptr;
  const size_t bytes = size_t(p.n - 1) * size_t(p.ldd) * size_of(p.out) + size_t(p.m) * size_of(p.out);
  if (cudaMalloc(&d, bytes) != cudaSuccess) {
    cudaGetLastError();
    return candidates.front().algo;
  }
  check_cuda(cudaMemsetAsync(d, 0, bytes, context.stream), "trial of matrix products");
  const Event start, stop;
  float best = std::numeric_limits<float>::infinity();
  cublasLtMatmulAlgo_t chosen = candidates.front().algo;
  for (const auto& candidate : candidates) {
    float shortest = std::numeric_limits<float>::infinity();
    bool supported = true;
    for (int run = 0; run < kRuns && supported; ++run) {
      check_cuda(cudaEventRecord(start, context.stream), "trial of matrix products");
      supported = multiply(context, p, plan, candidate.algo, operands, d) == CUBLAS_STATUS_SUCCESS;
      check_cuda(cudaEventRecord(stop, context.stream), "trial of matrix products");
      check_cuda(cudaEventSynchronize(stop), "trial of matrix products");
      float milliseconds = 0;
      check_cuda(cudaEventElapsedTime(&milliseconds, start, stop), "trial of matrix products");
      if (run > 0) shortest = std::min(shortest, milliseconds);  // the first run warms up
    }
    if (supported && shortest < best) best = shortest, chosen = candidate.algo;
  }
  check_cuda(cudaFree(d), "trial of matrix products");
  return chosen;
}

}  // namespace encore::cuda
