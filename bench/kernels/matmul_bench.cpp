// The three products of a linear layer: GFLOP/s of 2 M N K.
#include <benchmark/benchmark.h>

#include <random>

#include "kernels/backend_factory.h"
#include "kernels/ops/matmul.h"

namespace encore {
namespace {

struct Layer {
  Layer(DType dtype, int64_t m, int64_t n, int64_t k) : backend(make_backend("cpu")) {
    x = matrix(dtype, m, k), dx = matrix(dtype, m, k), w = matrix(dtype, n, k);
    y = matrix(dtype, m, n), dy = matrix(dtype, m, n);
    bias = matrix(DType::kF32, 1, n), dw = matrix(DType::kF32, n, k);
  }
  ~Layer() {
    for (const Tensor& t : {x, dx, w, y, dy, bias, dw}) backend->free(t.data);
  }
  Tensor matrix(DType dtype, int64_t rows, int64_t cols) {
    Tensor t(backend->allocate(size_t(rows * cols) * size_of(dtype)), dtype, rows, cols);
    std::mt19937 bits(1);
    for (int64_t i = 0; i < t.size(); ++i) {
      const float v = float(bits()) * 0x1p-31f - 1;
      dtype == DType::kBF16 ? void(t.ptr<bf16>()[i] = to_bf16(v)) : void(t.ptr<float>()[i] = v);
    }
    return t;
  }

  std::unique_ptr<Backend> backend;
  Tensor x, dx, w, y, dy, bias, dw;
};

enum Op { kForward, kForwardPacked, kBackwardInput, kBackwardWeight };

// Arguments: M, N, K, bf16. As in training without accumulation the weight changes before each product; "packed" is
// the case of evaluation and of accumulation, where it does not.
template <Op op>
void BM_linear(benchmark::State& state) {
  const DType dtype = state.range(3) ? DType::kBF16 : DType::kF32;
  Layer l(dtype, state.range(0), state.range(1), state.range(2));
  if (dtype == DType::kBF16 && !l.backend->native_bf16()) return state.SkipWithError("no bf16 products here");
  for (auto _ : state) {
    if (op != kForwardPacked) l.backend->weights_changed();
    if (op == kForward || op == kForwardPacked)
      linear_forward(*l.backend, {.x = l.x, .w = l.w, .bias = l.bias, .y = l.y});
    if (op == kBackwardInput) linear_backward_input(*l.backend, {.dy = l.dy, .w = l.w, .dx = l.dx});
    if (op == kBackwardWeight) linear_backward_weight(*l.backend, {.dy = l.dy, .x = l.x, .dw = l.dw});
  }
  const double flops = 2.0 * double(state.range(0)) * double(state.range(1)) * double(state.range(2));
  state.counters["GFLOP/s"] =
      benchmark::Counter(flops * 1e-9 * double(state.iterations()), benchmark::Counter::kIsRate);
}

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"M", "N", "K", "bf16"})->UseRealTime()->Unit(benchmark::kMillisecond);
  const int64_t base[][3] = {{4096, 768, 768},  {4096, 2304, 768}, {4096, 3072, 768}, {4096, 768, 3072},
                             {614, 50304, 768}, {861, 768, 768},   {861, 2304, 768},  {861, 3072, 768},
                             {861, 768, 3072},  {129, 50304, 768}};
  const int64_t mini[][3] = {
      {4096, 256, 256}, {4096, 768, 256}, {4096, 1024, 256}, {4096, 256, 1024}, {614, 8192, 256}};
  for (const int64_t bf16 : {1, 0}) {
    for (const auto& s : base) b->Args({s[0], s[1], s[2], bf16});
    for (const auto& s : mini) b->Args({s[0], s[1], s[2], bf16});
  }
}
BENCHMARK_TEMPLATE(BM_linear, kForward)->Name("linear_forward")->Apply(shapes);
BENCHMARK_TEMPLATE(BM_linear, kForwardPacked)->Name("linear_forward_packed")->Apply(shapes);
BENCHMARK_TEMPLATE(BM_linear, kBackwardInput)->Name("linear_backward_input")->Apply(shapes);
BENCHMARK_TEMPLATE(BM_linear, kBackwardWeight)->Name("linear_backward_weight")->Apply(shapes);

}  // namespace
}  // namespace encore

BENCHMARK_MAIN();
