// trace: every hidden state, the logits, the loss and all gradients of one batch, dropout off, to hold against another
// implementation.
#include "apps/program/cli.h"
#include "apps/program/trace_batch.h"
#include "model/checkpoint.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "train/device.h"

namespace encore {
namespace {

constexpr int kDefaultLabels = 2;  // of a Hugging Face configuration without id2label

std::unique_ptr<Model> load_model(const std::string& dir, const EncoderConfig& config, bool classifier,
                                  const Device& device) {
  const int labels = config.labels.empty() ? kDefaultLabels : int(config.labels.size());
  auto model = classifier ? make_classifier(config, labels, *device.backend, device.dtype, Mode::kTraining)
                          : make_mlm(config, *device.backend, device.dtype, Mode::kTraining);
  const LoadReport report = load_weights(dir, model->params(), config, 0);
  for (const std::string& name : report.fresh)
    fmt::print(stderr, "trace: note: {} is not in {}; it was initialised at random\n", name, report.file);
  return model;
}

std::vector<TensorToWrite> run_trace(Model& model, const PackedBatch& batch) {
  std::vector<TensorToWrite> tensors;
  model.trace(batch, [&](const std::string& name, std::vector<int64_t> shape, std::vector<float> values) {
    tensors.push_back({name, std::move(shape), [values = std::move(values)] { return values; }});
  });
  const auto& parameters = model.params().parameters();
  for (size_t i = 0; i < parameters.size(); ++i)
    tensors.push_back({"grad." + parameters[i].name, parameters[i].shape,
                       [&model, i] { return model.params().read_gradient(int(i)); }});
  return tensors;
}

int run(int argc, char** argv) {
  Cli cli("trace",
          "writes hidden states, logits, loss and every parameter's gradient for one batch, dropout off, as "
          "safetensors.",
          "trace --model models/encore-mini --batch batch.json --output trace.safetensors");
  cli.text("Input", "model", "Hugging Face folder", "DIR");
  cli.text("Input", "batch",
           "JSON: input_ids (ragged lists) with labels (-100 = ignore) or class_labels, optionally token_type_ids",
           "FILE");
  cli.text("Output", "output",
           "safetensors, all F32: hidden.0 .. hidden.L [T, H], logits of labelled rows, loss, grad.NAME", "FILE");
  cli.choice(kSpeedFlags, "device", "where to compute; simt runs the GPU's kernels on the CPU",
             {"auto", "cpu", "cuda", "simt"}, "auto");
  cli.choice(kSpeedFlags, "dtype",
             "of activations; auto is bf16 where the processor or card multiplies it faster than fp32",
             {"auto", "bf16", "fp32"}, "auto");
  cli.integer(kSpeedFlags, "threads", "worker threads (0: the cores this process may use)", 0, 0, 4096);
  if (!cli.parse(argc, argv)) return 0;
  const std::string dir = cli.required("model"), batch_path = cli.required("batch"), output = cli.required("output");

  const EncoderConfig config = load_config(dir);
  const PackedBatch batch = read_trace_batch(batch_path);
  const Device device = open_device(cli);
  const auto model = load_model(dir, config, !batch.class_labels.empty(), device);
  std::vector<TensorToWrite> tensors;
  try {
    tensors = run_trace(*model, batch);
  } catch (const Error& e) {
    if (e.exit_code() == 2) fail("{}: {}", batch_path, e.what());
    throw;
  }
  write_safetensors(output, tensors, DType::kF32);
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_program("trace", [&] { return encore::run(argc, argv); });
}
