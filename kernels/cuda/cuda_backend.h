// The CUDA backend: one stream of one device. Its sources (.cu) are compiled by nvcc for a GPU and by the host compiler
// for the host executor (kernels/simt).
#pragma once

#include <cuda_runtime.h>

#include <map>
#include <memory>
#include <utility>

#include "kernels/backend.h"
#include "kernels/cuda/kept_memory.h"

namespace encore {

namespace cuda {
class Gemm;
}

// Throws DeviceError naming the op and what the runtime said, unless status is cudaSuccess.
void check_cuda(cudaError_t status, const char* op);

class CudaBackend : public Backend {
 public:
  // Throws Error, a refusal, when there is no such device or the kernels do not run on it (usable_device.h);
  // DeviceError when it fails.
  explicit CudaBackend(int device = 0);
  ~CudaBackend() override;
  CudaBackend(const CudaBackend&) = delete;
  CudaBackend& operator=(const CudaBackend&) = delete;

  // Every check waits for the stream.
  bool set_index_checks(bool on) override { return std::exchange(index_checks_, on); }

  std::string description() const override;
  bool native_bf16() const override { return true; }

  void* allocate(size_t bytes) override;
  std::optional<DeviceMemory> device_memory() const override;
  void synchronize() override;
  void free(void* p) override;
  void copy_to_device(void* device, const void* host, size_t bytes) override;
  void copy_to_host(void* host, const void* device, size_t bytes) override;
  void copy_on_device(void* to, const void* from, size_t bytes) override;
  void fill_zero(void* device, size_t bytes) override;
  std::unique_ptr<Event> record_event() override;
  double seconds_between(const Event& from, const Event& to) override;
  void synchronize(const Event&) override;

  void* allocate_staging(size_t bytes) override;  // pinned
  void free_staging(void* p) override;
  void copy_to_device_async(void* device, const void* staging, size_t bytes) override;
  void copy_to_host_async(void* staging, const void* device, size_t bytes) override;
  bool asynchronous() const override { return true; }
  bool can_capture() const override { return capture_allowed_; }
  void allow_capture(bool allow) override { capture_allowed_ = allow; }
  void begin_capture() override;
  std::unique_ptr<StepGraph> end_capture() override;

  bool reads_live_rows() const override { return true; }
  void weights_changed() override {}
  size_t workspace_bytes() const override;
  std::string device_identity() const override;
  std::string collectives_library() const override;
  CollectiveId new_collective_id() override;
  std::unique_ptr<Collectives> join_collectives(const CollectiveId&, int rank, int ranks) override;

  void linear_forward(const LinearForward&) override;
  void linear_backward_input(const LinearBackwardInput&) override;
  void linear_backward_weight(const LinearBackwardWeight&) override;
  void attention_forward(const AttentionForward&) override;
  void attention_backward(const AttentionBackward&) override;
  void layernorm_forward(const LayerNormForward&) override;
  void layernorm_backward(const LayerNormBackward&) override;
  void embedding_forward(const EmbeddingForward&) override;
  void embedding_backward(const EmbeddingBackward&) override;
  void gelu_forward(const GeluForward&) override;
  void gelu_backward(const GeluBackward&) override;
  void tanh_forward(const TanhForward&) override;
  void tanh_backward(const TanhBackward&) override;
  void dropout_apply(const DropoutApply&) override;
  void cross_entropy(const CrossEntropy&) override;
  void gather_rows(const GatherRows&) override;
  void scatter_rows(const ScatterRows&) override;
  void bias_gradient(const BiasGradient&) override;
  void sum_of_squares(const SumOfSquares&) override;
  void cast(const Cast&) override;
  void adamw(const AdamW&) override;
  void relu_forward(const ReluForward&) override;
  void relu_backward(const ReluBackward&) override;
  void bag_linear_forward(const BagLinearForward&) override;
  void bag_linear_backward(const BagLinearBackward&) override;
  void logistic_normal_forward(const LogisticNormalForward&) override;
  void logistic_normal_backward(const LogisticNormalBackward&) override;
  void bag_likelihood(const BagLikelihood&) override;

 private:
  // Device memory for the running op, aligned to 256 bytes, contents undefined. The next op gets the same memory, or
  // another block if it needs more.
  void* scratch(size_t bytes);
  // The least index below `live` whose i32 value is not in [low, limit), and that value; -1 when there is none or
  // checks are off.
  struct Outside {
    int64_t index;
    int32_t value;
  };
  Outside first_outside(const char* op, const Tensor& values, int64_t low, int64_t limit, const Tensor& live);
  // Throws Error "op: name[i] is v, and there are `limit` rows" for the first value that is not in [0, limit).
  void check_indices(const char* op, const char* name, const Tensor& values, int64_t limit, const Tensor& live);
  void check_row_keys(const char* op, const RowDropout&, const Tensor& live);
  // Throws Error unless live is absent or counts 0 .. rows.
  void check_live(const char* op, const Tensor& live, int64_t rows);
  void check_ids(const char* op, const EmbeddingForward&, int64_t tokens);
  void check_segments(const char* op, const char* name, const RowSegments&, int64_t tokens, int64_t rows,
                      const Tensor& live);
  void check_runs(const char* op, const char* name, const Tensor& start, int64_t entries);
  void check_bags(const char* op, const Bags&, int64_t words);
  void check_bags(const char* op, const BagsByWord&, int64_t documents);
  void add_term(const char* op, const LossTerm&, const Tensor& of_documents);
  // outputs[s][c] += the sum over p of parts [count][outputs][cols], in rising order of p. At most 4 outputs.
  void combine(const char* op, const float* parts, int64_t count, int64_t cols, std::initializer_list<Tensor> outputs);

  bool by_wgmma(const Tensor& q, const AttentionShape&) const;

  int device_ = 0;
  bool hopper_ = false;
  int64_t multiprocessors_ = 0;  // of the device: grids and partial sums are cut by it
  cudaStream_t stream_ = nullptr;
  size_t shared_limit_ = 0;  // bytes of shared memory that a block may ask for
  // By columns: how many clusters of the cross-entropy are resident on the device at a time; 0: not asked.
  std::map<int64_t, int64_t> loss_clusters_;
  std::unique_ptr<cuda::Gemm> gemm_;
  bool index_checks_ = true;
  bool capture_allowed_ = true;
  cuda::KeptMemory scratch_;
  void* flag_ = nullptr;  // one int64 of the index checks, apart from the scratch
};

}  // namespace encore
