// A backend that passes every call on to another one through a hook, in which tests count calls and profilers time
// them.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "kernels/backend.h"
#include "kernels/ops/cost.h"

namespace encore {

class ForwardingBackend : public Backend {
 public:
  using Call = std::function<void()>;
  // Must run call(). name: of the method.
  using Around = std::function<void(const char* name, const Call& call)>;
  ForwardingBackend(Backend& to, Around around) : to_(to), around_(std::move(around)) {}

  // The cost of the current call. REQUIRES: called from the hook.
  OpCost cost() const { return cost_(); }

  size_t live_bytes() const { return live_bytes_; }  // allocated and not freed
  int64_t allocations() const { return allocations_; }

  std::string description() const override { return to_.description(); }
  bool native_bf16() const override { return to_.native_bf16(); }
  std::optional<DeviceMemory> device_memory() const override { return to_.device_memory(); }
  void synchronize() override { to_.synchronize(); }
  void* allocate(size_t bytes) override {
    void* p = to_.allocate(bytes);
    live_[p] = bytes;
    live_bytes_ += bytes;
    ++allocations_;
    return p;
  }
  void free(void* p) override {
    if (!p) return;
    live_bytes_ -= live_.at(p);
    live_.erase(p);
    to_.free(p);
  }
  void copy_to_device(void* d, const void* h, size_t n) override {
    cost_ = [n] { return OpCost{.bytes = double(n)}; };
    around_("copy_to_device", [&] { to_.copy_to_device(d, h, n); });
  }
  void copy_to_host(void* h, const void* d, size_t n) override {
    cost_ = [n] { return OpCost{.bytes = double(n)}; };
    around_("copy_to_host", [&] { to_.copy_to_host(h, d, n); });
  }
  void copy_on_device(void* to, const void* from, size_t n) override {
    cost_ = [n] { return OpCost{.bytes = 2 * double(n)}; };
    around_("copy_on_device", [&] { to_.copy_on_device(to, from, n); });
  }
  void fill_zero(void* d, size_t n) override {
    cost_ = [n] { return OpCost{.bytes = double(n)}; };
    around_("fill_zero", [&] { to_.fill_zero(d, n); });
  }
  std::unique_ptr<Event> record_event() override { return to_.record_event(); }
  double seconds_between(const Event& from, const Event& to) override { return to_.seconds_between(from, to); }
  void synchronize(const Event& e) override { to_.synchronize(e); }
  bool set_index_checks(bool on) override { return to_.set_index_checks(on); }
  void* allocate_staging(size_t bytes) override { return to_.allocate_staging(bytes); }
  void free_staging(void* p) override { to_.free_staging(p); }
  void copy_to_device_async(void* d, const void* h, size_t n) override {
    cost_ = [n] { return OpCost{.bytes = double(n)}; };
    around_("copy_to_device_async", [&] { to_.copy_to_device_async(d, h, n); });
  }
  void copy_to_host_async(void* h, const void* d, size_t n) override {
    cost_ = [n] { return OpCost{.bytes = double(n)}; };
    around_("copy_to_host_async", [&] { to_.copy_to_host_async(h, d, n); });
  }
  bool asynchronous() const override { return to_.asynchronous(); }
  bool can_capture() const override { return to_.can_capture(); }
  bool pads_batches() const override { return to_.pads_batches(); }
  void allow_capture(bool allow) override { to_.allow_capture(allow); }
  void begin_capture() override { to_.begin_capture(); }
  std::unique_ptr<StepGraph> end_capture() override { return to_.end_capture(); }
  bool reads_live_rows() const override { return to_.reads_live_rows(); }
  void weights_changed() override { to_.weights_changed(); }
  size_t workspace_bytes() const override { return to_.workspace_bytes(); }
  LinearMemory linear_memory(const LinearShape& s) const override { return to_.linear_memory(s); }
  int64_t most_kernels() const override { return to_.most_kernels(); }
  std::string device_identity() const override { return to_.device_identity(); }
  std::string collectives_library() const override { return to_.collectives_library(); }
  CollectiveId new_collective_id() override { return to_.new_collective_id(); }
  std::unique_ptr<Collectives> join_collectives(const CollectiveId& id, int rank, int ranks) override {
    return to_.join_collectives(id, rank, ranks);
  }

  void linear_forward(const LinearForward& a) override { pass("linear_forward", &Backend::linear_forward, a); }
  void linear_backward_input(const LinearBackwardInput& a) override {
    pass("linear_backward_input", &Backend::linear_backward_input, a);
  }
  void linear_backward_weight(const LinearBackwardWeight& a) override {
    pass("linear_backward_weight", &Backend::linear_backward_weight, a);
  }
  void attention_forward(const AttentionForward& a) override {
    pass("attention_forward", &Backend::attention_forward, a);
  }
  void attention_backward(const AttentionBackward& a) override {
    pass("attention_backward", &Backend::attention_backward, a);
  }
  void layernorm_forward(const LayerNormForward& a) override {
    pass("layernorm_forward", &Backend::layernorm_forward, a);
  }
  void layernorm_backward(const LayerNormBackward& a) override {
    pass("layernorm_backward", &Backend::layernorm_backward, a);
  }
  void embedding_forward(const EmbeddingForward& a) override {
    pass("embedding_forward", &Backend::embedding_forward, a);
  }
  void embedding_backward(const EmbeddingBackward& a) override {
    pass("embedding_backward", &Backend::embedding_backward, a);
  }
  void gelu_forward(const GeluForward& a) override { pass("gelu_forward", &Backend::gelu_forward, a); }
  void gelu_backward(const GeluBackward& a) override { pass("gelu_backward", &Backend::gelu_backward, a); }
  void tanh_forward(const TanhForward& a) override { pass("tanh_forward", &Backend::tanh_forward, a); }
  void tanh_backward(const TanhBackward& a) override { pass("tanh_backward", &Backend::tanh_backward, a); }
  void dropout_apply(const DropoutApply& a) override { pass("dropout_apply", &Backend::dropout_apply, a); }
  void cross_entropy(const CrossEntropy& a) override { pass("cross_entropy", &Backend::cross_entropy, a); }
  void gather_rows(const GatherRows& a) override { pass("gather_rows", &Backend::gather_rows, a); }
  void scatter_rows(const ScatterRows& a) override { pass("scatter_rows", &Backend::scatter_rows, a); }
  void bias_gradient(const BiasGradient& a) override { pass("bias_gradient", &Backend::bias_gradient, a); }
  void sum_of_squares(const SumOfSquares& a) override { pass("sum_of_squares", &Backend::sum_of_squares, a); }
  void cast(const Cast& a) override { pass("cast", &Backend::cast, a); }
  void adamw(const AdamW& a) override { pass("adamw", &Backend::adamw, a); }
  void relu_forward(const ReluForward& a) override { pass("relu_forward", &Backend::relu_forward, a); }
  void relu_backward(const ReluBackward& a) override { pass("relu_backward", &Backend::relu_backward, a); }
  void bag_linear_forward(const BagLinearForward& a) override {
    pass("bag_linear_forward", &Backend::bag_linear_forward, a);
  }
  void bag_linear_backward(const BagLinearBackward& a) override {
    pass("bag_linear_backward", &Backend::bag_linear_backward, a);
  }
  void logistic_normal_forward(const LogisticNormalForward& a) override {
    pass("logistic_normal_forward", &Backend::logistic_normal_forward, a);
  }
  void logistic_normal_backward(const LogisticNormalBackward& a) override {
    pass("logistic_normal_backward", &Backend::logistic_normal_backward, a);
  }
  void bag_likelihood(const BagLikelihood& a) override { pass("bag_likelihood", &Backend::bag_likelihood, a); }

 private:
  template <class A>
  void pass(const char* name, void (Backend::*method)(const A&), const A& a) {
    cost_ = [this, &a]() -> OpCost {
      if constexpr (requires { cost_of(a, to_); })
        return cost_of(a, to_);
      else
        return cost_of(a);
    };
    around_(name, [&] { (to_.*method)(a); });
  }

  Backend& to_;
  Around around_;
  std::function<OpCost()> cost_;  // computed on demand, because attention's cost is read from backend memory
  std::map<void*, size_t> live_;
  size_t live_bytes_ = 0;
  int64_t allocations_ = 0;
};

}  // namespace encore
