#include <cublasLt.h>
#include <cuda_bf16.h>
#include <simt/executor.h>
#include <src/launch.h>
#include <src/memory.h>
#include <src/stream.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

namespace simt {
namespace {

// All candidates compute the same. There are several so that the caller's choice among them is exercised.
constexpr int kCandidates = 2;

float read(const void* p, cudaDataType_t type, size_t at) {
  if (type == CUDA_R_32F) return static_cast<const float*>(p)[at];
  return simt_bf16_to_float(static_cast<const unsigned short*>(p)[at]);
}
void write(void* p, cudaDataType_t type, size_t at, float value) {
  if (type == CUDA_R_32F)
    static_cast<float*>(p)[at] = value;
  else
    static_cast<unsigned short*>(p)[at] = simt_float_to_bf16(value);
}
size_t size_of(cudaDataType_t type) {
  return type == CUDA_R_32F ? 4 : 2;
}

struct Problem {
  uint64_t m, n, k;
};

// False if the layouts do not fit one another.
bool problem_of(const simt_matmul_desc& op, const simt_matrix_layout& a, const simt_matrix_layout& b,
                const simt_matrix_layout& d, Problem& p) {
  const bool ta = op.a == CUBLAS_OP_T, tb = op.b == CUBLAS_OP_T;
  p = {ta ? a.cols : a.rows, tb ? b.rows : b.cols, ta ? a.rows : a.cols};
  return p.k == (tb ? b.cols : b.rows) && d.rows == p.m && d.cols == p.n && a.type == b.type;
}

// The kind of product that an algorithm serves. As in the library, it serves any number of rows and columns.
uint64_t signature(const simt_matmul_desc& op, const simt_matrix_layout& a, const simt_matrix_layout& b,
                   const simt_matrix_layout& d) {
  uint64_t h = uint64_t(op.a) << 2 | uint64_t(op.b) << 1 | uint64_t(op.epilogue == CUBLASLT_EPILOGUE_BIAS);
  for (const simt_matrix_layout* l : {&a, &b, &d})
    for (const uint64_t v : {uint64_t(l->ld), uint64_t(l->type)}) h = (h ^ v) * 0x9E3779B97F4A7C15ull, h ^= h >> 31;
  return h;
}

bool usable(const void* p, const simt_matrix_layout& l, uint64_t align) {
  const size_t bytes = (size_t(l.cols - 1) * size_t(l.ld) + l.rows) * size_of(l.type);
  const bool aligned =
      reinterpret_cast<uintptr_t>(p) % align == 0 && (l.cols == 1 || size_t(l.ld) * size_of(l.type) % align == 0);
  return aligned && is_device_range(p, bytes);
}

// op(x) converted to float: `lines` contiguous lines of `length` elements.
std::vector<float> lines_of(const void* x, const simt_matrix_layout& l, bool along_columns) {
  const size_t lines = along_columns ? l.cols : l.rows, length = along_columns ? l.rows : l.cols;
  std::vector<float> out(lines * length);
  for (size_t i = 0; i < lines; ++i)
    for (size_t j = 0; j < length; ++j)
      out[i * length + j] = read(x, l.type, along_columns ? i * size_t(l.ld) + j : j * size_t(l.ld) + i);
  return out;
}

float dot(const float* a, const float* b, size_t k) {
  constexpr size_t kLanes = 16;
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= k; i += kLanes)
    for (size_t l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  for (; i < k; ++i) lanes[0] += a[i] * b[i];
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

template <class F>
void over_columns(size_t n, F&& columns) {
  const size_t workers = options().workers > 0 ? size_t(options().workers) : std::thread::hardware_concurrency();
  const size_t parts = std::clamp<size_t>(n / 16, 1, workers);
  std::vector<std::thread> threads;
  for (size_t w = 1; w < parts; ++w) threads.emplace_back([&, w] { columns(n * w / parts, n * (w + 1) / parts); });
  columns(0, n / parts);
  for (std::thread& t : threads) t.join();
}

template <class T>
cublasStatus_t destroy(T* p) {
  if (!p) return CUBLAS_STATUS_INVALID_VALUE;
  delete p;
  return CUBLAS_STATUS_SUCCESS;
}

template <class T>
cublasStatus_t assign(T& to, const void* value, size_t bytes) {
  if (!value || bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace
}  // namespace simt

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new simt_cublaslt;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  return simt::destroy(handle);
}
size_t cublasLtGetVersion() {
  return 0;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* d, cublasComputeType_t compute, cudaDataType_t scale) {
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  *d = new simt_matmul_desc;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d) {
  return simt::destroy(d);
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  if (!d) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return simt::assign(d->a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB: return simt::assign(d->b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return simt::assign(d->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return simt::assign(d->bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return simt::assign(d->bias_type, value, bytes);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* l, cudaDataType_t type, uint64_t rows, uint64_t cols,
                                          int64_t ld) {
  if (rows == 0 || cols == 0 || ld < int64_t(rows)) return CUBLAS_STATUS_INVALID_VALUE;
  *l = new simt_matrix_layout{type, rows, cols, ld};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) {
  return simt::destroy(l);
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* p) {
  *p = new simt_matmul_preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) {
  return simt::destroy(p);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    size_t bytes) {
  if (!p) return CUBLAS_STATUS_INVALID_VALUE;
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) return simt::assign(p->workspace, value, bytes);
  const int operand = int(attribute) - int(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
  if (operand < 0 || operand > 3) return CUBLAS_STATUS_INVALID_VALUE;
  return simt::assign(p->align[operand], value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t op,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  simt::Problem p;
  if (!handle || !op || !a || !b || !c || !d || !preference || wanted < 1) return CUBLAS_STATUS_INVALID_VALUE;
  if (!simt::problem_of(*op, *a, *b, *d, p)) return CUBLAS_STATUS_INVALID_VALUE;
  // As the library does: an fp32 bias with a bf16 result is refused.
  if (op->epilogue == CUBLASLT_EPILOGUE_BIAS && op->bias_type != d->type) return CUBLAS_STATUS_NOT_SUPPORTED;
  *found = std::min(wanted, simt::kCandidates);
  for (int i = 0; i < *found; ++i) {
    results[i] = {};
    const auto& align = preference->align;
    results[i].algo.data[0] = simt::signature(*op, *a, *b, *d);
    results[i].algo.data[1] = uint64_t(align[0]) << 32 | align[1];
    results[i].algo.data[2] = uint64_t(align[2]) << 32 | align[3];
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t op, cublasLtMatrixLayout_t a,
                                       cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t* algorithm, cublasLtMatmulHeuristicResult_t* result) {
  if (!handle || !op || !a || !b || !c || !d || !algorithm || !result) return CUBLAS_STATUS_INVALID_VALUE;
  if (algorithm->data[0] != simt::signature(*op, *a, *b, *d)) return CUBLAS_STATUS_INVALID_VALUE;
  result->workspaceSize = 0;
  result->state = CUBLAS_STATUS_SUCCESS;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t op, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t la, const void* b, cublasLtMatrixLayout_t lb, const void* beta,
                              const void* c, cublasLtMatrixLayout_t lc, void* d, cublasLtMatrixLayout_t ld,
                              const cublasLtMatmulAlgo_t* algorithm, void*, size_t, cudaStream_t stream) {
  simt::Problem p;
  if (!handle || !op || !la || !lb || !lc || !ld || !algorithm || !stream) return CUBLAS_STATUS_INVALID_VALUE;
  if (!simt::problem_of(*op, *la, *lb, *ld, p) || algorithm->data[0] != simt::signature(*op, *la, *lb, *ld))
    return CUBLAS_STATUS_INVALID_VALUE;
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  const bool biased = op->epilogue == CUBLASLT_EPILOGUE_BIAS;
  if (!simt::usable(a, *la, algorithm->data[1] >> 32) || !simt::usable(b, *lb, algorithm->data[1] & 0xffffffff) ||
      !simt::usable(d, *ld, algorithm->data[2] & 0xffffffff) ||
      (keep != 0 && !simt::usable(c, *lc, algorithm->data[2] >> 32)) ||
      (biased && !simt::is_device_range(op->bias, p.m * simt::size_of(op->bias_type))))
    return CUBLAS_STATUS_EXECUTION_FAILED;
  const auto compute = [=, op = *op, la = *la, lb = *lb, lc = *lc, ld = *ld] {
    simt::count_product();
    const std::vector<float> rows = simt::lines_of(a, la, op.a == CUBLAS_OP_T);
    const std::vector<float> columns = simt::lines_of(b, lb, op.b == CUBLAS_OP_N);
    simt::over_columns(p.n, [&](size_t first, size_t last) {
      for (size_t j = first; j < last; ++j)
        for (size_t i = 0; i < p.m; ++i) {
          float sum = scale * simt::dot(&rows[i * p.k], &columns[j * p.k], p.k);
          if (keep != 0) sum += keep * simt::read(c, lc.type, j * size_t(lc.ld) + i);
          if (biased) sum += simt::read(op.bias, op.bias_type, i);
          simt::write(d, ld.type, j * size_t(ld.ld) + i, sum);
        }
    });
    return cudaSuccess;
  };
  std::vector<simt::Use> uses;
  if (simt::outlives_call(stream))
    for (const void* operand : {a, b, c, static_cast<const void*>(d), op->bias}) simt::add_use(uses, operand);
  const cudaError_t e = simt::submit(stream, {[] { return std::string("cublasLtMatmul"); }, compute, std::move(uses)});
  return e == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
