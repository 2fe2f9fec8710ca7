// Ops of the CUDA backend on the host executor, at the shapes of RoBERTa, for the cost sheet (bench/kernels/cost.md).
#pragma once

#include <simt/executor.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/base/packed_batch.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/ops/dropout.h"

namespace encore::cost {

struct Model {
  std::string name;
  int64_t hidden, inner, heads, layers;
  int64_t parameters() const;
};
inline constexpr int64_t kVocabulary = 50265, kPaddedVocabulary = 50304, kPositions = 514;
// Tokens of one micro-batch: 132 sequences of 512 or 528 of 128; of them 15 % are masked, to a multiple of 64.
inline constexpr int64_t kTokens = 67584, kMasked = 10176;

// The tensors of one run, and the bytes that the op's contract requires to move: each tensor once, or twice if it is
// both read and written.
class Workload {
 public:
  Workload();
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  // Values near 0. moves: how many times the contract moves it.
  Tensor make(DType dtype, int64_t rows, int64_t cols, int moves = 1);
  template <class T>
  Tensor list(const std::vector<T>& values, int moves = 1);
  // Rows of sequences of `length` tokens.
  RowDropout dropout(float p, int64_t rows, int64_t length);
  // The word ids of `tokens` tokens, each word eight times, in sequences of `length`.
  static PackedBatch batch(int64_t tokens, int64_t length);
  void moves(int64_t bytes) { contract_bytes_ += bytes; }

  // The kernels that `op` launches.
  void measure(const std::function<void(Backend&)>& op);

  CudaBackend backend;
  int64_t contract_bytes() const { return contract_bytes_; }
  const std::vector<simt::KernelStats>& kernels() const { return kernels_; }
  uint64_t memset_bytes() const { return memset_bytes_; }

 private:
  size_t products_bytes_;  // held by matrix products from the start
  std::vector<void*> blocks_;
  int64_t contract_bytes_ = 0;
  std::vector<simt::KernelStats> kernels_;
  uint64_t memset_bytes_ = 0;
};

// One line of the sheet. Everything counted grows linearly from run[0] to run[1] rows on (the number of blocks that
// leave partial sums is the full shape's at both), so a line through the two counts gives the full shape's.
struct Case {
  std::string op, variant, model;
  int64_t length;     // of a sequence; 0: the op does not see sequences
  double rows;        // of the full shape: tokens, gathered rows, sequences or elements, as the op counts
  double widths = 1;  // the full shape is this many times wider than the run
  double flops = 0;   // of the full shape; 0: the executor counts them
  int64_t run[2];
  bool fast;  // in the subset that --check counts again
  std::function<void(Workload&, int64_t rows)> body;
};

std::vector<Case> row_cases(const Model&, int64_t length, bool fast);
std::vector<Case> loss_cases(const Model&, bool fast);
std::vector<Case> flat_cases(const Model&, bool fast);
std::vector<Case> attention_cases(const Model&, int64_t length, bool fast);
std::vector<Case> head_size_cases();
std::vector<Case> bag_cases();

template <class T>
Tensor Workload::list(const std::vector<T>& values, int moves) {
  Tensor t = make(dtype_of<T>, 1, int64_t(values.size()), moves);
  std::copy(values.begin(), values.end(), t.ptr<T>());
  return t;
}

}  // namespace encore::cost
