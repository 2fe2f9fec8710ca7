// A whole model: an encoder with a head, their planned memory, and the passes over a micro-batch.
#pragma once

#include "kernels/graphed_calls.h"
#include "model/encoder.h"
#include "model/head.h"
#include "model/model.h"

namespace encore {

class EncoderModel : public Model {
 public:
  // Makes the head after the encoder has registered its parameters.
  using HeadFactory = std::function<std::unique_ptr<Head>(const EncoderConfig&, ParamStore&, const Encoder&)>;
  // with_memory = false: an outline (model/model.h).
  EncoderModel(const EncoderConfig&, Backend&, DType compute, Mode, const HeadFactory&, bool with_memory = true);
  ~EncoderModel() override;

  std::string architecture() const override { return head_->architecture(); }
  MemoryPlan plan(const BatchCapacity&, DType compute, Mode) const override;
  void reserve(const BatchCapacity&, Mode) override;

  void forward_backward(const PackedBatch&, float grad_scale, uint64_t seed) override;
  void evaluate(const PackedBatch&, std::vector<float>* target_loss) override;
  void logits(const PackedBatch&, std::vector<float>& out) override;
  void hidden_states(const PackedBatch&, std::vector<float>& out) override;
  LossTotals take_totals() override;
  void clear_totals() override;
  Tensor loss_sum() const override;
  Tensor correct() const override;
  int64_t embedding_elements() const override { return encoder_->layer_offset(0); }
  void trace(const PackedBatch&, const Visitor&) override;

  // For tests. true: forward_backward() computes all rows of the last layer, also those that no head reads. The results
  // are the same; the default (false) is faster.
  void compute_all_rows(bool all);

 private:
  // The tensors of one pass. Each batch is laid out anew within the memory that reserve() measured.
  struct Layout {
    Encoder::Saved encoder;
    Head::Saved head;
    Tensor row_loss;  // [1, R] fp32
    Tensor read;      // [R, H] the head's rows, gathered; absent if the last layer computes these rows only
    Tensor d, dread;  // [T, H], [R, H] gradients of hidden states and of the head's rows
  };
  // The options of a pass.
  struct Pass {
    bool labels = false, backward = false, dropout = false, complete_last = false;
    float grad_scale = 0;
    const BatchShape* padded = nullptr;
  };
  // One of the shapes that training batches are padded to where the backend records, and the passes recorded for it:
  // those without a listener, and those with calls of the listener in between.
  struct Recorded {
    BatchShape shape;
    GraphedCalls passes, told;
  };
  struct Sizes {
    size_t batch = 0, saved = 0, stream = 0, scratch = 0;
  };

  void lay_out(Arena& saved, Arena& stream, const EncoderRows&, Layout&) const;
  // complete_backward: trace() runs backward through a complete last layer.
  Sizes measure(const BatchCapacity&, Mode, bool complete_backward) const;
  int64_t read_capacity(const BatchCapacity&) const;
  void reserve(BatchCapacity, Mode, bool complete_backward);
  void release();

  // The smallest shape that holds the batch; null if none does or the backend does not pad batches.
  Recorded* shape_for(const PackedBatch&);
  void plan_shapes(const PackedBatch& first);
  void pass_over(Step&);                        // forward, loss, backward
  void begin(const PackedBatch&, const Pass&);  // checks and uploads the batch, lays out the memory
  bool uses_dropout() const;
  Tensor run_encoder(Step&, const Encoder::Visitor& visit = {}) const;  // returns the rows that the head reads, [R, H]
  void run_encoder_backward(Step&) const;                               // from layout_.dread
  void read_logits(Step&, std::vector<float>& out) const;
  void count_targets(const PackedBatch&);

  Backend& backend_;
  Mode mode_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<Head> head_;

  bool compute_all_rows_ = false;
  BatchCapacity capacity_;
  Mode reserved_mode_ = Mode::kInference;
  Sizes sizes_;
  char* memory_ = nullptr;  // saved, then stream, then scratch
  Arena scratch_;
  DeviceBatch batch_;
  Layout layout_;
  void* totals_ = nullptr;  // loss_sum fp64, correct i64
  int64_t targets_ = 0;
  std::vector<Recorded> shapes_;  // rising; set at the first training batch after reserve()
};

// Copies a tensor from backend memory to the host as fp32. Waits. REQUIRES: contiguous.
std::vector<float> read_as_f32(Backend&, const Tensor&);

}  // namespace encore
