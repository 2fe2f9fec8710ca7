#include "model/vampire/vampire_folder.h"

#include <cmath>
#include <filesystem>

#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/read_json.h"
#include "model/checksums.h"
#include "model/safetensors.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

constexpr const char* kTransposed = "vae.encoder._linear_layers.0.weight";
constexpr const char* kGain = "bow_bn.weight";

struct NamedBuffer {
  VampireBuffer buffer;
  const char* name;
};
constexpr NamedBuffer kBuffers[] = {{VampireBuffer::kRunningMean, "bow_bn.running_mean"},
                                    {VampireBuffer::kRunningVariance, "bow_bn.running_var"},
                                    {VampireBuffer::kBackground, "_background_freq"}};

// [rows, cols] -> [cols, rows], in tiles that stay in the cache.
std::vector<float> transposed(const std::vector<float>& x, int64_t rows, int64_t cols) {
  constexpr int64_t kTile = 64;
  std::vector<float> y(x.size());
  for (int64_t r0 = 0; r0 < rows; r0 += kTile)
    for (int64_t c = 0; c < cols; ++c)
      for (int64_t r = r0; r < std::min(rows, r0 + kTile); ++r) y[size_t(c * rows + r)] = x[size_t(r * cols + c)];
  return y;
}

std::vector<float> read_tensor(const TensorFile& source, const std::string& file, const std::string& name,
                               const std::vector<int64_t>& shape) {
  const auto it = source.tensors().find(name);
  check(it != source.tensors().end(), "{}: tensor {} is missing", file, name);
  check(it->second.shape == shape, "{}: tensor {} is {}, not {}", file, name, shape_string(it->second.shape),
        shape_string(shape));
  std::vector<float> values = to_f32(it->second, name);
  for (size_t i = 0; i < values.size(); ++i)
    check(std::isfinite(values[i]), "{}: element {} of tensor {} is {}", file, i, name, values[i]);
  return values;
}

}  // namespace

void save_vampire(const std::string& dir, const VampireModel& model) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) fail_io("{}: cannot make the folder: {}", dir, error.message());
  const ParamStore& params = model.params();
  std::vector<TensorToWrite> tensors;
  for (size_t i = 0; i < params.parameters().size(); ++i) {
    const Parameter& p = params.parameters()[i];
    if (p.name == kTransposed)
      tensors.push_back({p.name, {p.shape[1], p.shape[0]}, [&params, &p, i] {
                           return transposed(params.read(int(i)), p.shape[0], p.shape[1]);
                         }});
    else
      tensors.push_back({p.name, p.shape, [&params, i] { return params.read(int(i)); }});
  }
  const int64_t words = model.config().vocabulary;
  tensors.push_back({kGain, {words}, [words] { return std::vector<float>(size_t(words), 1.f); }});
  for (const NamedBuffer& b : kBuffers)
    tensors.push_back({b.name, {words}, [&model, b] { return model.read(b.buffer); }});
  write_safetensors(dir + "/model.safetensors", tensors, DType::kF32);
  nlohmann::ordered_json config{{"model_type", "vampire"}};
  config.update(to_json(model.config()));
  write_file_atomic(dir + "/config.json", config.dump(2) + "\n");
}

VampireConfig read_vampire_config(const std::string& dir) {
  const std::string file = dir + "/config.json";
  std::error_code error;
  check(fs::is_regular_file(file, error), "{}: there is no such file: a folder of a VAMPIRE model is expected", file);
  const nlohmann::json config = read_json_file(file);
  check(config.is_object() && config.value("model_type", nlohmann::json()) == "vampire",
        "{}: model_type is {}: a VAMPIRE model is expected", file,
        config.is_object() ? shown_json(config.value("model_type", nlohmann::json())) : "missing");
  return vampire_config(config, file);
}

void load_vampire_weights(const std::string& file, VampireModel& model) {
  const auto source = open_safetensors_file(file);
  ParamStore& params = model.params();
  for (size_t i = 0; i < params.parameters().size(); ++i) {
    const Parameter& p = params.parameters()[i];
    const bool turn = p.name == kTransposed;
    const std::vector<int64_t> shape = turn ? std::vector<int64_t>{p.shape[1], p.shape[0]} : p.shape;
    std::vector<float> values = read_tensor(*source, file, p.name, shape);
    if (turn) values = transposed(values, shape[0], shape[1]);
    params.write(int(i), values.data());
  }
  const int64_t words = model.config().vocabulary;
  for (const float gain : read_tensor(*source, file, kGain, {words}))
    check(gain == 1, "{}: tensor {} holds {}: a gain of 1 is served", file, kGain, gain);
  for (const NamedBuffer& b : kBuffers) model.write(b.buffer, read_tensor(*source, file, b.name, {words}));
  source->check_whole();
  params.weights_changed();
}

void load_vampire(const std::string& dir, VampireModel& model) {
  const std::string file = dir + "/model.safetensors";
  std::error_code error;
  check(fs::is_regular_file(file, error), "{}: there is no such file: the weights of the model are missing", file);
  check_checksums(dir);
  load_vampire_weights(file, model);
}

}  // namespace encore
