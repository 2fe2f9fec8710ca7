// Hidden states, logits, losses and gradients against recordings of Hugging Face's RoBERTa (tests/golden, and more
// cases in ../shared/golden if that folder exists).
#include <filesystem>

#include "model/checkpoint.h"
#include "tests/model/golden_rule.h"
#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

const std::string kCore = ENCORE_SOURCE_DIR "/tests/golden";
const std::string kShared = ENCORE_SOURCE_DIR "/../shared/golden";

Tensors trace(const std::string& model_dir, const std::string& batch_file, DType dtype) {
  const EncoderConfig config = load_config(model_dir);
  const PackedBatch batch = recorded_batch(read_json(batch_file));
  const auto model = batch.class_labels.empty()
                         ? make_mlm(config, backend(), dtype, Mode::kTraining)
                         : make_classifier(config, int(config.labels.size()), backend(), dtype, Mode::kTraining);
  load_weights(model_dir, model->params(), config, 0);
  Tensors out;
  model->trace(batch, [&](const std::string& name, std::vector<int64_t>, std::vector<float> values) {
    out[name] = std::move(values);
  });
  const auto& parameters = model->params().parameters();
  for (size_t i = 0; i < parameters.size(); ++i)
    out["grad." + parameters[i].name] = model->params().read_gradient(int(i));
  return out;
}

struct Case {
  std::string root, name, batch;
};

void check_case(const Case& c, DType dtype) {
  if (dtype == DType::kBF16 && !backend().native_bf16()) GTEST_SKIP() << "skipped: no native bf16";
  const std::string dir = c.root + "/" + c.name;
  if (!std::filesystem::exists(dir)) GTEST_SKIP() << "skipped: no shared data";
  const GoldenRule rule(read_json(dir + "/errors.json").at(c.batch), dtype);
  const Tensors got = trace(dir + "/model", dir + "/" + c.batch + ".json", dtype);
  for (const std::string& line : rule.violations(got, read_tensors(dir + "/" + c.batch + ".safetensors")))
    ADD_FAILURE() << c.name << "/" << c.batch << " " << name_of(dtype) << ": " << line;
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, Fp32) {
  check_case(GetParam(), DType::kF32);
}
TEST_P(Golden, Bf16) {
  check_case(GetParam(), DType::kBF16);
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.name + "_" + info.param.batch;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Core, Golden,
                         testing::Values(Case{kCore, "mlm-d32", "ragged"}, Case{kCore, "mlm-d32", "pad_inside"}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Shared, Golden,
                         testing::Values(Case{kShared, "mlm-d32", "one"}, Case{kShared, "mlm-d64", "ragged"},
                                         Case{kShared, "mlm-d64", "full"}, Case{kShared, "mlm-d96", "ragged"},
                                         Case{kShared, "mlm-d128", "ragged"},
                                         Case{kShared, "classifier-d64", "ragged"}),
                         case_name);

// The rule must be able to fail.
TEST(GoldenRule, RefusesADifferentModel) {
  const std::string dir = kCore + "/mlm-d32";
  const Tensors reference = read_tensors(dir + "/ragged.safetensors");
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const GoldenRule rule(read_json(dir + "/errors.json").at("ragged"), dtype);
    EXPECT_TRUE(rule.violations(reference, reference).empty());
    for (const auto& [name, values] : reference) {
      if (name.ends_with("key.bias")) continue;
      Tensors wrong = reference;
      for (float& x : wrong[name]) x *= 1.25f;
      EXPECT_FALSE(rule.violations(wrong, reference).empty()) << name;
    }
  }
}

}  // namespace
}  // namespace encore::test
