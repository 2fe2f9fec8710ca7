#include "train/run_spec.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "kernels/base/check.h"

namespace encore {
namespace {

std::string absolute(const std::string& path) {
  return path.empty() || path == "-" ? path : std::filesystem::absolute(path).lexically_normal().string();
}

nlohmann::json absolute(const std::vector<std::string>& paths) {
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& path : paths) list.push_back(absolute(path));
  return list;
}

}  // namespace

int64_t total_examples(const RunLength& length, int64_t examples, int64_t batch_sequences) {
  check(length.epochs > 0 || length.max_steps > 0,
        "--epochs and --max-steps are both 0: one of them must say how long to train");
  int64_t total =
      length.epochs > 0 ? std::max<int64_t>(1, std::llround(std::ceil(length.epochs * double(examples)))) : INT64_MAX;
  if (length.max_steps > 0) total = std::min(total, length.max_steps * batch_sequences);
  return total;
}

nlohmann::json RunSpec::config_in_force(DType dtype) const {
  nlohmann::json config = output.config;
  config["dtype"] = std::string(name_of(dtype));
  config["output"] = absolute(output.folder);
  config["train"] = absolute(text.train.cache.corpus.files);
  config["dev"] = absolute(text.eval.cache.corpus.files);
  return config;
}

}  // namespace encore
