#include "train/run_spec.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/path_text.h"

namespace encore {
namespace {

// Beyond, a count is not exact as a double, as in the epochs of the log.
constexpr int64_t kMostExamples = int64_t(1) << 53;

nlohmann::json absolute(const std::vector<std::string>& paths) {
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& path : paths) list.push_back(absolute_path_text(path));
  return list;
}

}  // namespace

int64_t total_examples(const RunLength& length, int64_t examples, int64_t batch_sequences) {
  check(length.epochs > 0 || length.max_steps > 0,
        "--epochs and --max-steps are both 0: one of them must say how long to train");
  // --epochs is 1e6 at most, and a corpus has far fewer than 2^43 examples.
  int64_t total =
      length.epochs > 0 ? std::max<int64_t>(1, std::llround(std::ceil(length.epochs * double(examples)))) : INT64_MAX;
  if (length.max_steps > 0) {
    check(length.max_steps <= kMostExamples / batch_sequences,
          "--max-steps {} of --batch-sequences {} are more than 2^53 examples: give fewer", length.max_steps,
          batch_sequences);
    total = std::min(total, length.max_steps * batch_sequences);
  }
  check(total <= kMostExamples, "--epochs {:g} of {} examples are more than 2^53: give fewer", length.epochs, examples);
  return total;
}

nlohmann::json RunSpec::config_in_force(DType dtype) const {
  nlohmann::json config = output.config;
  config["dtype"] = std::string(name_of(dtype));
  config["train"] = absolute(text.train.cache.corpus.files);
  config["dev"] = absolute(text.eval.cache.corpus.files);
  return config;
}

}  // namespace encore
