// A trainer over a tiny corpus and everything that it needs.
#pragma once

#include <cmath>

#include "kernels/forwarding_backend.h"
#include "optim/device_communicator.h"
#include "tests/train/tiny_run.h"
#include "train/text_batches.h"
#include "train/trainer.h"

namespace encore::test {

inline const TinyWorkplace& workplace() {
  static const TinyWorkplace place;
  return place;
}

inline TextBatchOptions batch_options(int64_t tokens_per_batch, int64_t steps) {
  return {.batch_sequences = 8, .tokens_per_batch = tokens_per_batch, .total_examples = 8 * steps, .seed = 11};
}

inline StepOptions step_options(DType reduce_dtype = DType::kF32) {
  return {.seed = 11,
          .warmup_ratio = 0.1,
          .schedule = {.lr = 3e-3},
          .adamw = {.beta2 = 0.98, .eps = 1e-6, .weight_decay = 0.01},
          .reduce_dtype = reduce_dtype};
}

// Everything that a run of a few steps needs.
struct Rig {
  explicit Rig(int64_t tokens_per_batch, int64_t steps, DType dtype = DType::kF32, float dropout = -1,
               const char* device = "cpu", DType reduce_dtype = DType::kF32)
      : tokenizer(Tokenizer::load(workplace().model())),
        processes(make_communicator()),
        backend(make_backend(device, 2, processes->local_rank(), processes->local_size())),
        counted(*backend,
                [this](const char* op, const ForwardingBackend::Call& call) {
                  products += std::string_view(op) == "linear_forward";
                  call();
                }),
        devices(over_devices(*processes, *backend)),
        objective(make_masking({.seed = 11}, tokenizer)),
        data(Dataset::open(
            {.cache = {.corpus = {.files = {workplace().train()}}, .dir = workplace().cache(), .threads = 1},
             .layout = {.seq_length = 64}},
            tokenizer)) {
    EncoderConfig config = load_config(workplace().model());
    if (dropout >= 0) config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout;
    model = make_mlm(config, counted, dtype, Mode::kTraining);
    load_weights(workplace().model(), model->params(), config, 0);
    reservation.emplace(*model, plan_capacity(tokens_per_batch, *objective), Mode::kTraining);
    Communicator& comm = devices ? *devices : *processes;
    source.emplace(data.train(), objective, batch_options(tokens_per_batch, steps), comm.size());
    trainer.emplace(*reservation, *source, comm, step_options(reduce_dtype));
  }
  std::vector<float> weights() const {
    const Tensor w = model->params().weights();
    std::vector<float> host(size_t(w.cols));
    backend->copy_to_host(host.data(), w.data, w.bytes());
    return host;
  }
  Tokenizer tokenizer;
  std::unique_ptr<Communicator> processes;
  std::unique_ptr<Backend> backend;
  int64_t products = 0;  // of forward passes, called or recorded; replays do not count
  ForwardingBackend counted;
  std::unique_ptr<Communicator> devices;  // if each of several ranks has a device
  std::shared_ptr<const Objective> objective;
  Dataset data;
  std::unique_ptr<Model> model;
  std::optional<Reservation> reservation;
  std::optional<TextBatches> source;
  std::optional<Trainer> trainer;
};

inline double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(double(a[i]) - double(b[i]), 2);
    norm += std::pow(double(b[i]), 2);
  }
  return std::sqrt(difference / norm);
}

}  // namespace encore::test
