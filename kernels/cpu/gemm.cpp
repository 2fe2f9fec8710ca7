#include "kernels/cpu/gemm.h"

#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <dnnl.hpp>
#include <exception>
#include <numeric>
#include <unordered_map>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/thread_team.h"
#include "kernels/cpu/gemm_primitives.h"
#include "kernels/cpu/gemm_slices.h"
#include "kernels/cpu/vec/dispatch.h"

namespace encore::cpu {

namespace {

using dnnl::memory;

struct WeightKey {
  const void* data;
  int64_t rows, cols, ld;
  bool transposed;
  bool operator==(const WeightKey&) const = default;
};

struct WeightHash {
  size_t operator()(const WeightKey& k) const {
    return (reinterpret_cast<uintptr_t>(k.data) ^ uint64_t(k.rows) << 40 ^ uint64_t(k.transposed)) *
               0x9E3779B97F4A7C15u >>
           7;
  }
};

struct Weight {
  int uses = 0;  // since weights_changed()
  bool fresh = false;
  bool decided = false, packable = false;
  memory::desc layout;
  void* packed = nullptr;  // 64-byte aligned
  size_t bytes = 0;
};

[[noreturn]] void no_memory(size_t bytes) {
  throw DeviceError(fmt::format("out of memory: no {} bytes of workspace for a matrix product", bytes));
}

// A product or a slice of one, with its primitive.
struct Job {
  Product product;
  const Prepared* prepared;
  const void *a, *b, *bias;
  void* c;
};

}  // namespace

struct Gemm::State {
  int threads;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  std::vector<dnnl::stream> streams;  // one per thread, as are the scratchpads
  std::vector<void*> scratch;
  std::vector<size_t> scratch_bytes;
  Primitives primitives{engine};
  std::unordered_map<WeightKey, Weight, WeightHash> weights;
  size_t packed_bytes = 0;

  explicit State(int threads) : threads(threads), scratch(size_t(threads), nullptr), scratch_bytes(size_t(threads), 0) {
    for (int i = 0; i < threads; ++i) streams.emplace_back(engine);
  }

  static void* allocate(size_t bytes) {
    void* p = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!p) no_memory(bytes);
    return p;
  }

  bool packable(Weight& weight, const Product& p) {
    if (!weight.decided) {
      weight.packable = primitives.packable(p);
      weight.decided = true;
    }
    return weight.packable;
  }

  void run(const std::vector<Job>& jobs) {
    size_t needed = 0;
    for (const Job& job : jobs) needed = std::max(needed, job.prepared->scratch.get_size());
    for (size_t i = 0; i < std::min(jobs.size(), scratch.size()); ++i) grow_scratch(i, needed);
    omp_set_num_threads(threads);
    if (jobs.size() == 1) return execute(jobs[0], 0);
    LoopFailure failure;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t i = 0; i < jobs.size(); ++i) {
      failure.guard([&] { execute(jobs[i], size_t(omp_get_thread_num())); });
    }
    failure.rethrow();
  }

  void grow_scratch(size_t place, size_t needed) {
    if (needed <= scratch_bytes[place]) return;
    std::free(scratch[place]);
    scratch[place] = nullptr;
    scratch_bytes[place] = 0;
    scratch[place] = allocate(needed);
    scratch_bytes[place] = needed;
  }

  void execute(const Job& job, size_t place) {
    const Prepared& p = *job.prepared;
    const auto of = [&](const memory::desc& d, const void* data) { return memory(d, engine, const_cast<void*>(data)); };
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, of(p.a, job.a)}, {DNNL_ARG_WEIGHTS, of(p.b, job.b)}, {DNNL_ARG_DST, of(p.c, job.c)}};
    if (job.bias) arguments.emplace(DNNL_ARG_BIAS, of(p.bias, job.bias));
    if (p.scratch.get_size()) arguments.emplace(DNNL_ARG_SCRATCHPAD, of(p.scratch, scratch[place]));
    p.primitive.execute(streams[place], arguments);
    streams[place].wait();
  }

  // The packed form of a weight in the layout that the product wants.
  const void* pack(Weight& weight, const void* data, const Product& p, const memory::desc& layout) {
    if (weight.packed && weight.layout != layout) drop(weight);
    if (!weight.packed) {
      weight.bytes = layout.get_size();
      weight.packed = allocate(weight.bytes);
      weight.layout = layout;
      packed_bytes += weight.bytes;
    }
    if (!weight.fresh) {
      memory from(matrix(p.k, p.n, p.in, p.b_row, p.b_col), engine, const_cast<void*>(data));
      memory to(layout, engine, weight.packed);
      omp_set_num_threads(threads);
      dnnl::reorder(from, to).execute(streams[0], from, to);
      streams[0].wait();
      weight.fresh = true;
    }
    return weight.packed;
  }

  void drop(Weight& weight) {
    std::free(weight.packed);
    packed_bytes -= weight.bytes;
    weight.packed = nullptr;
    weight.bytes = 0;
    weight.fresh = false;
  }

  ~State() {
    for (auto& [key, weight] : weights) drop(weight);
    for (void* p : scratch) std::free(p);
  }

  void add_weight_job(ProductSlice slice, std::vector<Job>& jobs);
};

namespace {

// Turns oneDNN's exceptions into Error.
template <class F>
void guarded(const Product& p, F&& body) {
  try {
    body();
  } catch (const dnnl::error& e) {
    if (e.status == dnnl_out_of_memory)
      throw DeviceError(
          fmt::format("out of memory in the {} product [{}, {}] x [{}, {}]", name_of(p.in), p.m, p.k, p.k, p.n));
    fail("oneDNN failed at the {} product [{}, {}] x [{}, {}]: {} (status {})", name_of(p.in), p.m, p.k, p.k, p.n,
         e.what(), int(e.status));
  }
}

}  // namespace

Gemm::Gemm(int threads) {
  // What ENCORE_ISA asks of vec/ holds for oneDNN too. Only the first call in a process has an effect.
  if (std::getenv("ENCORE_ISA") && isa() == Isa::kAvx2) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
  if (std::getenv("ENCORE_ISA") && isa() == Isa::kAvx512) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core);
  dnnl_set_primitive_cache_capacity(16);  // small: Primitives keeps its own
  state_ = std::make_unique<State>(threads);
}

Gemm::~Gemm() = default;

void Gemm::State::add_weight_job(ProductSlice slice, std::vector<Job>& jobs) {
  Product& p = slice.product;
  guarded(p, [&] {
    const Tensor& w = slice.b;
    Weight& weight = weights[{w.data, w.rows, w.cols, w.ld, p.b_row == 1}];
    // Packing costs about as much as it saves in one large product, so it begins with the second use.
    p.packed = ++weight.uses > 1 && packable(weight, p);
    const Prepared& chosen = primitives.prepare(p);
    const void* b = p.packed ? pack(weight, w.data, p, chosen.b) : w.data;
    jobs.push_back({p, &chosen, slice.a.data, b, slice.bias.data, slice.c.data});
  });
}

void Gemm::times_weight(const Tensor& a, const Tensor& w, bool transposed, const Tensor& bias, const Tensor& c,
                        bool accumulate) {
  std::vector<Job> jobs;
  for (ProductSlice& slice : slices_of_weight_product(a, w, transposed, bias, c, accumulate, state_->threads))
    state_->add_weight_job(std::move(slice), jobs);
  guarded(jobs[0].product, [&] { state_->run(jobs); });
}

void Gemm::add_transposed_times(const Tensor& a, const Tensor& b, const Tensor& c) {
  std::vector<Job> jobs;
  for (const ProductSlice& slice : slices_of_gradient(a, b, c, state_->threads)) {
    const Product& p = slice.product;
    guarded(p, [&] {
      jobs.push_back({p, &state_->primitives.prepare(p), slice.a.data, slice.b.data, nullptr, slice.c.data});
    });
  }
  guarded(jobs[0].product, [&] { state_->run(jobs); });
}

void Gemm::weights_changed() {
  for (auto& [key, weight] : state_->weights) weight.uses = 0, weight.fresh = false;
}

size_t Gemm::bytes() const {
  const State& s = *state_;
  return std::accumulate(s.scratch_bytes.begin(), s.scratch_bytes.end(), s.packed_bytes) + s.primitives.bytes();
}

}  // namespace encore::cpu
