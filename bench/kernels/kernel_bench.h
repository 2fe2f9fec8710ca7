// The frame of the micro-benchmarks: one program, kernel_bench, with Google Benchmark's command line; each op registers
// its cases in its own file. README.md of this folder explains what a case measures and how to read the results.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/ops/cost.h"

namespace encore::bench {

struct ModelShape {
  std::string name;
  int64_t hidden, inner;
  int heads;
};

struct Sizes {
  int64_t tokens;  // of a micro-batch; a multiple of every length
  int64_t targets;
  int64_t vocabulary, padded_vocabulary, positions;
  int64_t parameters;  // of the flat ops
  std::vector<ModelShape> models;
  std::vector<int64_t> lengths;
};
// By device ("cpu", "simt", "cuda"); tiny: shapes that take the host executor milliseconds.
Sizes sizes_of(const std::string& device, bool tiny);

// Tensors of one case in the backend's memory, freed with it.
class Inputs {
 public:
  explicit Inputs(Backend& b) : backend(b) {}
  ~Inputs();
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  Tensor normal(DType, int64_t rows, int64_t cols);  // fp32 or bf16; the values repeat after 65,536
  Tensor constant(float value, DType, int64_t rows, int64_t cols);
  Tensor zero(DType, int64_t rows, int64_t cols);
  Tensor vector(int64_t cols) { return normal(DType::kF32, 1, cols); }
  template <class T>
  Tensor given(const std::vector<T>& values) {
    const Tensor t(static_cast<T*>(take(values.size() * sizeof(T))), 1, int64_t(values.size()));
    backend.copy_to_device(t.data, values.data(), t.bytes());
    return t;
  }
  Tensor indices(int64_t n, int64_t limit);  // uniform, i32
  Tensor starts(int64_t tokens, int64_t length);
  Tensor example_keys(int64_t sequences);
  RowDropout dropout(float p, int64_t tokens, int64_t length);

  Backend& backend;
  std::mt19937_64 random{1};

 private:
  void* take(size_t bytes);
  Tensor repeated(const std::vector<float>& pattern, DType, int64_t rows, int64_t cols);

  std::vector<void*> blocks_;
};

// The work of one case. `cost` gives the bytes and flops of its rates.
struct Work {
  OpCost cost;
  std::function<void()> run;
  std::function<void()> prepare = {};  // before every run, not timed
};

// Collects the cases of one program run.
class Cases {
 public:
  using Make = std::function<Work(Inputs&)>;

  Cases(Sizes s, std::vector<DType> t) : sizes(std::move(s)), dtypes(std::move(t)) {}
  // Names are paths, "attention_forward/base/512/bf16/p=0.1": peers.py uses the same.
  void add(std::string name, DType dtype, Make make) { all.push_back({std::move(name), dtype, std::move(make)}); }

  struct Case {
    std::string name;
    DType dtype;  // of the activations; selects the peak for the share
    Make make;
  };
  Sizes sizes;
  std::vector<DType> dtypes;
  std::vector<Case> all;
};

// One a file, at namespace scope: `const Registration attention(cases_of_attention);`
using Register = void (*)(Cases&);
std::vector<Register>& registrations();
struct Registration {
  explicit Registration(Register r) { registrations().push_back(r); }
};

// "base/512/bf16", "base/bf16", "512/bf16".
inline std::string path(std::initializer_list<std::string> parts) {
  std::string all;
  for (const std::string& p : parts) all += (all.empty() ? "" : "/") + p;
  return all;
}
inline std::string text(DType t) {
  return std::string(name_of(t));
}
inline std::string dropout_text(float p) {
  return p > 0 ? "p=0.1" : "p=0";
}

}  // namespace encore::bench
