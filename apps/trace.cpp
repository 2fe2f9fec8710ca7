// trace: every hidden state, the logits, the loss and all gradients of one batch, dropout off, for a comparison with
// another implementation.
#include "apps/program/open_model.h"
#include "apps/program/output_path.h"
#include "apps/program/run_program.h"
#include "model/safetensors.h"
#include "train/trace_batch.h"

namespace encore {
namespace {

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

// Whether a safetensors file begins with the header of a trace of this program: another implementation, to be compared
// with, writes the same names.
bool is_trace(const std::string& start) {
  return start.size() > 9 && start[8] == '{' && start.find("\"hidden.0\":") != start.npos &&
         start.find("\"encore_version\":") != start.npos;
}

int run(int argc, char** argv) {
  Cli cli("trace",
          "writes hidden states, logits, loss and every parameter's gradient for one batch, dropout off, as "
          "safetensors.",
          "trace --model models/encore-mini --batch batch.json --output trace.safetensors");
  cli.text("Input", "model", "Hugging Face folder", "DIR").path();
  cli.text("Input", "batch",
           "the batch as JSON: input_ids (ragged lists) with labels (-100 = ignore) or class_labels, optionally "
           "token_type_ids",
           "FILE")
      .path();
  cli.text("Output", "output",
           "the tensors as safetensors in F32: hidden.0 .. hidden.L [T, H], logits of labelled rows, loss, grad.NAME",
           "FILE")
      .written();
  add_device_flags(cli);
  if (!cli.parse(argc, argv)) return 0;
  const std::string dir = cli.required("model"), batch_path = cli.required("batch");
  cli.required("output");
  const std::string output = output_file(cli, "output", is_trace);

  const OpenModel open = open_model_of_ids(dir, cli, *one_process());
  const PackedBatch batch = read_trace_batch(batch_path);
  const auto [model, report] =
      load_model(open, batch.class_labels.empty() ? Head::kMlm : Head::kClassifier, Mode::kTraining);
  for (const std::string& name : report.fresh)
    fmt::print(stderr, "trace: note: {} is not in {}; it was initialised at random\n", name, report.file);
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
  return encore::run_as_one_process("trace", [&] { return encore::run(argc, argv); });
}
