#include "kernels/cuda/gemm/gemm.h"

#include <cublasLt.h>

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "kernels/base/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gemm/algorithm_cache.h"
#include "kernels/cuda/gemm/product.h"
#include "kernels/cuda/kept_memory.h"

namespace encore::cuda {
namespace {

// NVIDIA's recommendation for Hopper, and enough for split-K of every shape of the models.
constexpr size_t kWorkspace = size_t(32) << 20;
constexpr int kCandidates = 8;
// A product that comes back this often is worth the milliseconds of timing its candidates.
constexpr int kTimedAfter = 3;
// Ragged batches have another number of rows at each step, and most numbers come once.
constexpr size_t kMostPlans = 4096;

cudaDataType_t data_type(DType dtype) {
  return dtype == DType::kBF16 ? CUDA_R_16BF : CUDA_R_32F;
}

// The largest power of two up to 256 that divides the address and the stride: the alignment that cuBLASLt is promised.
uint32_t alignment(const Tensor& t) {
  const uintptr_t bits =
      reinterpret_cast<uintptr_t>(t.data) | uintptr_t(t.rows > 1 ? t.ld : 0) * size_of(t.dtype) | 256;
  return uint32_t(bits & (~bits + 1));
}

// d = op(a) op(b); the row-major tensors are taken as column-major ones of transposed shape.
Product product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& d) {
  return {.transpose_a = transpose_a,
          .transpose_b = transpose_b,
          .m = d.cols,
          .n = d.rows,
          .k = transpose_a ? a.cols : a.rows,
          .lda = a.ld,
          .ldb = b.ld,
          .ldd = d.ld,
          .in = a.dtype,
          .out = d.dtype,
          .align_a = alignment(a),
          .align_b = alignment(b),
          .align_d = alignment(d)};
}

}  // namespace

void check_cublas(cublasStatus_t status, const Product& p, const char* action) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw DeviceError(fmt::format("matrix product {}: {}: cuBLASLt status {}", p.str(), action, int(status)));
}

std::string Product::str() const {
  return fmt::format("{}{}{} {}x{}x{} ld {},{},{} align {},{},{}{}{}", in == DType::kBF16 ? "bf16" : "fp32",
                     out == DType::kF32 && in != out ? ">fp32 " : " ",
                     std::string{transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N'}, m, n, k, lda, ldb, ldd, align_a,
                     align_b, align_d, bias ? " bias" : "", accumulate ? " add" : "");
}

Product Product::representative() const {
  Product p = *this;
  const int64_t step = std::max<int64_t>(64, int64_t(std::bit_floor(uint64_t(p.rows())) / 4));
  p.rows() = (p.rows() + step - 1) / step * step;
  return p;
}

Plan::Plan(const Product& p) {
  const auto make_layout = [&](DType dtype, bool transposed, int64_t rows, int64_t cols, int64_t ld) {
    cublasLtMatrixLayout_t layout = nullptr;
    check_cublas(cublasLtMatrixLayoutCreate(&layout, data_type(dtype), uint64_t(transposed ? cols : rows),
                                            uint64_t(transposed ? rows : cols), ld),
                 p, "layout");
    return layout;
  };
  a.reset(make_layout(p.in, p.transpose_a, p.m, p.k, p.lda));
  b.reset(make_layout(p.in, p.transpose_b, p.k, p.n, p.ldb));
  d.reset(make_layout(p.out, false, p.m, p.n, p.ldd));
  cublasLtMatmulDesc_t description = nullptr;
  check_cublas(cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F), p, "description");
  operation.reset(description);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, auto value) {
    check_cublas(cublasLtMatmulDescSetAttribute(description, attribute, &value, sizeof value), p, "attribute");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (!p.bias) return;
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, data_type(p.out));
}

struct Gemm::State {
  cudaStream_t stream;
  cublasLtHandle_t handle = nullptr;
  std::unordered_map<Product, Plan, ProductHash> plans;
  std::unordered_map<Product, AlgorithmChoice, ProductHash> choices;  // by representative
  AlgorithmCache cache;
  void* workspace = nullptr;
  KeptMemory bias;  // of the running product, in bf16

  State(cudaStream_t s, const std::string& device) : stream(s), cache(device, cublasLtGetVersion()) {
    const cublasStatus_t status = cublasLtCreate(&handle);
    if (status != CUBLAS_STATUS_SUCCESS)
      throw DeviceError(fmt::format("cuBLASLt cannot be used: status {}; use --device cpu", int(status)));
    if (cudaMalloc(&workspace, kWorkspace) == cudaSuccess) return;
    cudaGetLastError();
    cublasLtDestroy(handle);
    size_t free = 0, total = 0;
    check_cuda(cudaMemGetInfo(&free, &total), "memory of the device");
    fail(
        "the device has no {} bytes of memory left for matrix products ({} of its {} are free): free some or use "
        "--device cpu",
        kWorkspace, free, total);
  }

  ~State() {
    cudaStreamSynchronize(stream);
    plans.clear();
    cudaFree(workspace);
    if (handle) cublasLtDestroy(handle);
  }

  std::vector<cublasLtMatmulHeuristicResult_t> candidates(const Product& p, const Plan& plan) {
    cublasLtMatmulPreference_t preference = nullptr;
    check_cublas(cublasLtMatmulPreferenceCreate(&preference), p, "preference");
    const std::unique_ptr<std::remove_pointer_t<cublasLtMatmulPreference_t>, Destroy> owner(preference);
    const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
      check_cublas(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value), p, "preference");
    };
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspace);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, p.align_a);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, p.align_b);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, p.align_d);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, p.align_d);
    std::vector<cublasLtMatmulHeuristicResult_t> found(kCandidates);
    int count = 0;
    check_cublas(cublasLtMatmulAlgoGetHeuristic(handle, plan.operation.get(), plan.a.get(), plan.b.get(), plan.d.get(),
                                                plan.d.get(), preference, kCandidates, found.data(), &count),
                 p, "choice of an algorithm");
    found.resize(size_t(count));
    std::erase_if(found,
                  [](const auto& f) { return f.state != CUBLAS_STATUS_SUCCESS || f.workspaceSize > kWorkspace; });
    if (found.empty()) check_cublas(CUBLAS_STATUS_NOT_SUPPORTED, p, "choice of an algorithm");
    return found;
  }

  Plan& plan_for(const Product& p) {
    if (const auto found = plans.find(p); found != plans.end()) return found->second;
    if (plans.size() >= kMostPlans) plans.clear();
    Plan& plan = plans.emplace(p, Plan(p)).first->second;
    plan.choice = &choices[p.representative()];
    return plan;
  }

  bool supports(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm) {
    cublasLtMatmulHeuristicResult_t result{};
    return cublasLtMatmulAlgoCheck(handle, plan.operation.get(), plan.a.get(), plan.b.get(), plan.d.get(), plan.d.get(),
                                   &algorithm, &result) == CUBLAS_STATUS_SUCCESS &&
           result.workspaceSize <= kWorkspace;
  }

  // Gives the plan its representative's algorithm, or one of its own if that does not support its product.
  void adopt_choice(const Product& p, Plan& plan) {
    AlgorithmChoice& choice = *plan.choice;
    if (choice.version == 0) {
      choice.version = 1;
      const auto kept = cache.find(p.representative());
      choice.timed = kept && supports(plan, *kept);
      choice.algorithm = choice.timed ? *kept : candidates(p, plan).front().algo;
      plan.algorithm = choice.algorithm, plan.choice_version = choice.version;
    }
    if (plan.choice_version == choice.version) return;
    plan.algorithm = supports(plan, choice.algorithm) ? choice.algorithm : candidates(p, plan).front().algo;
    plan.choice_version = choice.version;
  }

  void choose_by_timing(const GemmContext& context, const Product& p, Plan& plan, const Operands& operands) {
    cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    check_cuda(cudaStreamIsCapturing(stream, &capture), "trial of matrix products");
    if (capture != cudaStreamCaptureStatusNone) return;  // nothing runs while a graph is captured
    AlgorithmChoice& choice = *plan.choice;
    choice.timed = true;
    plan.algorithm = choice.algorithm = fastest(context, p, plan, operands, candidates(p, plan));
    plan.choice_version = ++choice.version;
    cache.add(p.representative(), choice.algorithm);
  }

  // The bias in the dtype of the product: cuBLASLt adds no fp32 bias to a bf16 result.
  const void* bias_like(const Tensor& b, DType dtype) {
    if (dtype == DType::kF32) return b.data;
    void* const rounded = bias.take(size_t(b.cols) * sizeof(bf16), [](size_t bytes) {
      void* memory = nullptr;
      check_cuda(cudaMalloc(&memory, bytes), "bias");
      return memory;
    });
    check_cuda(bias_to_bf16(b, rounded, stream), "bias");
    return rounded;
  }

  void run(const Product& p, const Operands& operands) {
    Plan& plan = plan_for(p);
    if (p.bias)
      check_cublas(cublasLtMatmulDescSetAttribute(plan.operation.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                                                  &operands.bias, sizeof operands.bias),
                   p, "bias");
    const GemmContext context{
        .handle = handle, .stream = stream, .workspace = workspace, .workspace_bytes = kWorkspace};
    adopt_choice(p, plan);
    if (!plan.choice->timed && ++plan.choice->uses >= kTimedAfter) choose_by_timing(context, p, plan, operands);
    check_cublas(multiply(context, p, plan, plan.algorithm, operands, operands.d), p, "launch");
  }
};

Gemm::Gemm(cudaStream_t stream, const std::string& device) : state_(std::make_unique<State>(stream, device)) {}
Gemm::~Gemm() = default;

void Gemm::forward(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& y) {
  Product p = product(w, true, x, false, y);
  p.bias = bool(bias);
  state_->run(p, {.a = w.data, .b = x.data, .d = y.data, .bias = bias ? state_->bias_like(bias, y.dtype) : nullptr});
}

void Gemm::backward_input(const Tensor& dy, const Tensor& w, const Tensor& dx, bool accumulate) {
  Product p = product(w, false, dy, false, dx);
  p.accumulate = accumulate;
  state_->run(p, {.a = w.data, .b = dy.data, .d = dx.data, .bias = nullptr});
}

void Gemm::backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw) {
  Product p = product(x, false, dy, true, dw);
  p.accumulate = true;
  state_->run(p, {.a = x.data, .b = dy.data, .d = dw.data, .bias = nullptr});
}

size_t Gemm::workspace_bytes() const {
  return kWorkspace + state_->bias.bytes();
}

}  // namespace encore::cuda
