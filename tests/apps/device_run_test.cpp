// Programs on a device, emulated by the host executor (--device simt): the CUDA backend against the CPU backend, a
// device that is lost in the middle of a run, and one without enough free memory.
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "kernels/base/program_path.h"
#include "tests/apps/program.h"

namespace encore::test {
namespace {

using nlohmann::json;

const TinyWorkplace& workplace() {
  static const TinyWorkplace place(0.1f, 60);
  return place;
}

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("{")) lines.push_back(json::parse(line));
  return lines;
}

// Every number of a document, in order.
void numbers_of(const json& j, std::vector<double>& out) {
  if (j.is_number()) return out.push_back(j.get<double>());
  if (!j.is_structured()) return;
  for (const auto& child : j) numbers_of(child, out);
}
std::vector<double> numbers_of(const json& j) {
  std::vector<double> out;
  numbers_of(j, out);
  return out;
}

void expect_close(const std::vector<double>& simt, const std::vector<double>& cpu, double tolerance) {
  ASSERT_EQ(simt.size(), cpu.size());
  ASSERT_FALSE(cpu.empty());
  for (size_t i = 0; i < cpu.size(); ++i) {
    ASSERT_TRUE(std::isfinite(cpu[i]));
    EXPECT_NEAR(simt[i], cpu[i], tolerance * std::max(1.0, std::abs(cpu[i]))) << "number " << i;
  }
}

class OnADevice : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(std::string(ENCORE_BINARY_DIR) + "/lib/libencore_simt.so"))
      GTEST_SKIP() << "skipped: this build has no libencore_simt.so";
    for (const char* label : {"cat", "dog"})
      for (int i = 0; i < 6; ++i)
        rows_ += json{{"id", label + std::to_string(i)},
                      {"text", std::string("the ") + label + " eats some bread."},
                      {"label", label}}
                     .dump() +
                 "\n";
    write_text(dir_ / "rows.jsonl", rows_);
  }

  // Standard output of the program on a device; output files go to a folder of the device's name.
  std::string output(const std::string& device, const Words& words) {
    fs::create_directories(dir_ / device);
    Words all = Words{program(words[0])} + Words(words.begin() + 1, words.end()) +
                Words{"--device", device, "--threads", "1", "--dtype", dtype_};
    for (std::string& w : all)
      if (const size_t at = w.find("@"); at != std::string::npos) w.replace(at, 1, dir_ / device);
    const Outcome o = run(all);
    EXPECT_EQ(o.code, 0) << words[0] << " on " << device << ": " << o.err;
    return o.out;
  }
  Words training(const std::string& name, const std::string& steps = "3") {
    return {name,
            "--model",
            workplace().model(),
            "--train",
            workplace().train(),
            "--eval",
            workplace().eval(),
            "--output",
            "@/" + name,
            "--epochs",
            "0",
            "--max-steps",
            steps,
            "--seq-length",
            "32",
            "--batch-sequences",
            "4",
            "--tokens-per-batch",
            "96",
            "--lr",
            "1e-3",
            "--eval-every",
            "0",
            "--cache-dir",
            workplace().cache()};
  }
  Words tuning(const std::string& folder, const std::string& lr) {
    const std::string rows = dir_ / "rows.jsonl";
    return {"finetune", "--model", workplace().model(), "--train", rows,      "--dev", rows,           "--test", rows,
            "--output", folder,    "--epochs",          "2",       "--seeds", "1",     "--batch-size", "4",      "--lr",
            lr};
  }
  // The losses of a run's log, evaluations too.
  std::vector<double> losses(const std::string& device, const std::string& run) {
    std::vector<double> all;
    for (const json& line : lines_of(read_text(dir_ / (device + "/" + run + "/log.jsonl"))))
      for (const char* key : {"loss", "grad_norm", "eval_loss"})
        if (line.contains(key)) all.push_back(line[key].get<double>());
    return all;
  }

  TemporaryFolder dir_;
  std::string rows_, dtype_ = "fp32";
};

TEST_F(OnADevice, TrainingAgreesWithTheCpu) {
  for (const char* name : {"dapt_train", "tapt_train"}) {
    for (const char* device : {"cpu", "simt"}) output(device, training(name));
    expect_close(losses("simt", name), losses("cpu", name), 4e-4);
  }
}

TEST_F(OnADevice, TrainingInHalfPrecisionAgreesWithTheCpu) {
  if (!make_backend("cpu", 1)->native_bf16()) GTEST_SKIP() << "skipped: no bf16 products on this processor";
  dtype_ = "bf16";
  for (const char* device : {"cpu", "simt"}) output(device, training("dapt_train"));
  const std::vector<double> cpu = losses("cpu", "dapt_train"), simt = losses("simt", "dapt_train");
  ASSERT_EQ(cpu.size(), simt.size());
  for (size_t i = 0; i < cpu.size(); ++i) EXPECT_NEAR(simt[i], cpu[i], (i % 2 ? 2e-2 : 4e-3) * cpu[i]) << i;
}

TEST_F(OnADevice, EvaluationAndInferenceAgreeWithTheCpu) {
  const auto both = [&](const Words& words) { return std::pair(output("simt", words), output("cpu", words)); };
  const auto eval = both({"mlm_eval", "--model", workplace().model(), "--data", workplace().eval(), "--seq-length",
                          "32", "--tokens-per-batch", "128", "--cache-dir", workplace().cache(), "--json"});
  expect_close(numbers_of(json::parse(eval.first)), numbers_of(json::parse(eval.second)), 1e-4);

  const auto filled =
      both({"fill_mask", "--model", workplace().model(), "--top-k", "3", "--json", "the cat eats <mask> bread."});
  std::vector<double> simt, cpu;
  for (const auto& [text, probabilities] : {std::pair(&filled.first, &simt), std::pair(&filled.second, &cpu)})
    numbers_of(json::parse(*text).at("masks"), *probabilities);
  expect_close(simt, cpu, 1e-4);

  both({"embed", "--model", workplace().model(), "--data", dir_ / "rows.jsonl", "--output", "@/vectors.npy"});
  const auto vectors = [&](const std::string& device) {
    const std::string bytes = read_text(dir_ / (device + "/vectors.npy"));
    std::vector<float> values(12 * 64);
    EXPECT_GT(bytes.size(), values.size() * 4);
    std::memcpy(values.data(), bytes.data() + bytes.size() - values.size() * 4, values.size() * 4);
    return std::vector<double>(values.begin(), values.end());
  };
  expect_close(vectors("simt"), vectors("cpu"), 1e-4);
}

TEST_F(OnADevice, FinetuneAndPredictAgreeWithTheCpu) {
  for (const char* device : {"cpu", "simt"}) output(device, tuning("@/tuned", "1e-3"));
  expect_close(losses("simt", "tuned"), losses("cpu", "tuned"), 4e-4);
  std::vector<double> probabilities[2];
  for (const int d : {0, 1}) {
    // Both devices get the same model, so only the prediction can differ.
    const std::string text =
        output(d ? "simt" : "cpu", {"predict", "--model", dir_ / "cpu/tuned/model", "--data", dir_ / "rows.jsonl"});
    for (const json& line : lines_of(text)) numbers_of(line.at("probabilities"), probabilities[d]);
    EXPECT_EQ(probabilities[d].size(), 24u);
  }
  expect_close(probabilities[1], probabilities[0], 1e-4);
}

// Each step's sums are read while the next step's passes run. With streams that run as late as the waits allow, the
// losses and the message about a step that is not finite must be those of a run that waits for every step.
TEST_F(OnADevice, FinetuneReadsItsLossAStepLate) {
  const auto tuned = [&](const char* environment, const char* device, const char* lr, const Words& more = {}) {
    Words words = Words{"env", environment} + tuning(dir_ / environment, lr) +
                  Words{"--device", device, "--threads", "1", "--dtype", dtype_} + more;
    words[2] = program("finetune");
    return run(words);
  };
  const char *late = "SIMT_LATE_STREAMS=1", *at_once = "SIMT_LATE_STREAMS=0", *cpu = "OMP_NUM_THREADS=1";
  for (const char* environment : {late, at_once}) {
    const Outcome o = tuned(environment, "simt", "1e-3");
    EXPECT_EQ(o.code, 0) << o.err;
  }
  expect_close(losses(late, ""), losses(at_once, ""), 0);
  const auto complaint = [&](const char* environment, const char* device) {
    // Weight decay alone multiplies the weights by about 30 in each step.
    const Outcome o = tuned(environment, device, "3", {"--weight-decay", "10", "--warmup-ratio", "0"});
    EXPECT_EQ(o.code, 70) << o.err;
    // Rounding decides whether the loss or a gradient overflows first.
    const size_t step = o.err.find("seed"), what = o.err.find(": the "), rows = o.err.find("rows of");
    if (rows == std::string::npos) return o.err;
    return o.err.substr(step, what - step) + ", " + o.err.substr(rows);
  };
  for (const char* environment : {late, at_once, cpu}) fs::remove_all(dir_ / environment);
  const std::string waited = complaint(cpu, "cpu");
  EXPECT_EQ(waited.find("seed 0, epoch 2, step 4, rows of "), 0u) << waited;
  EXPECT_EQ(complaint(late, "simt"), waited);
}

TEST_F(OnADevice, ALostDeviceEndsARunWithStepOpAndState) {
  Words words = training("dapt_train", "6") + Words{"--device", "simt", "--threads", "1", "--save-every", "1"};
  words[0] = program("dapt_train");
  const std::string folder = dir_ / "lost";
  *std::find(words.begin(), words.end(), "@/dapt_train") = folder;
  const Outcome o = run(Words{"env", "SIMT_FAIL_LAUNCH=900"} + words);
  EXPECT_EQ(o.code, 70) << o.out << o.err;
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  const int64_t done = int64_t(lines_of(read_text(folder + "/log.jsonl")).back().at("step"));
  EXPECT_GT(done, 0) << o.err;
  for (const std::string& part : {fmt::format("after step {}: ", done), std::string("illegal memory access"),
                                  std::string("--resume"), fmt::format("last complete state is {}/state", folder)})
    EXPECT_NE(o.err.find(part), std::string::npos) << part << " is not in: " << o.err;
  // The message names an op of the backend.
  EXPECT_NE(o.err.find("_", o.err.find(": ")), std::string::npos) << o.err;
  // The run resumes from that state.
  const Outcome again = run({program("dapt_train"), "--output", folder, "--resume"});
  EXPECT_EQ(again.code, 0) << again.err;
}

TEST_F(OnADevice, AFullDeviceSaysWhatIsFreeAndWhatWouldFit) {
  const auto refusal = [&](const Words& environment, const Words& more) {
    Words words = training("dapt_train") + Words{"--device", "simt", "--threads", "1"} + more;
    words[0] = program("dapt_train");
    *std::find(words.begin(), words.end(), "@/dapt_train") = dir_ / "full";
    const Outcome o = run(Words{"env"} + environment + words);
    EXPECT_EQ(o.code, 2) << o.out << o.err;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_FALSE(fs::exists(dir_ / "full"));
    return o.err;
  };
  const std::string taken = refusal({"SIMT_MEMORY=1000000000", "SIMT_OCCUPIED=960000000"}, {});
  for (const char* part : {"out of memory: the plan needs ", "weights (fp32)", "kernels' scratch",
                           "the device, of whose", "are taken, leaves"})
    EXPECT_NE(taken.find(part), std::string::npos) << part << " is not in: " << taken;
  const Words large{"--batch-sequences", "40", "--tokens-per-batch", "2000"};
  const std::string tight = refusal({"SIMT_MEMORY=73000000"}, large);
  const size_t at = tight.find("--tokens-per-batch ");
  ASSERT_NE(at, std::string::npos) << tight;
  ASSERT_NE(tight.find("is the largest that fits"), std::string::npos) << tight;
  // The offered --tokens-per-batch works.
  const std::string offered = tight.substr(at + 19, tight.find(' ', at + 19) - at - 19);
  Words words = training("dapt_train", "1") +
                Words{"--device", "simt", "--threads", "1", "--batch-sequences", "40", "--tokens-per-batch", offered};
  words[0] = program("dapt_train");
  *std::find(words.begin(), words.end(), "@/dapt_train") = dir_ / "fits";
  const Outcome o = run(Words{"env", "SIMT_MEMORY=73000000"} + words);
  EXPECT_EQ(o.code, 0) << o.err;
}

// Programs that only run inference check the device's memory before they allocate, too.
TEST_F(OnADevice, AFullDeviceIsNamedByEveryProgram) {
  const std::string rows = dir_ / "rows.jsonl";
  const Words on_device{"--model", workplace().model(), "--device", "simt", "--threads", "1"};
  const Words evaluate = Words{program("mlm_eval"), "--data",           workplace().eval(), "--seq-length", "32",
                               "--cache-dir",       workplace().cache()} +
                         on_device;
  const Words embed =
      Words{program("embed"), "--data", rows, "--max-length", "32", "--output", dir_ / "never.npy"} + on_device;
  const Words fill_mask = Words{program("fill_mask"), "the cat eats <mask> bread."} + on_device;
  const std::vector<std::pair<Words, std::string>> programs = {
      {evaluate, "not even --tokens-per-batch 32 fits"},
      {embed, "not even --tokens-per-batch 32 fits"},
      {fill_mask, "shorter texts, --dtype bf16, or a smaller model"}};
  for (const auto& [words, advice] : programs) {
    const Outcome o = run(Words{"env", "SIMT_MEMORY=1000000000", "SIMT_OCCUPIED=960000000"} + words);
    EXPECT_EQ(o.code, 2) << o.out << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    for (const std::string& part : {std::string("out of memory: the plan needs "), std::string("the device, of whose"),
                                    std::string("are taken, leaves"), advice})
      EXPECT_NE(o.err.find(part), std::string::npos) << part << " is not in: " << o.err;
  }
  EXPECT_FALSE(fs::exists(dir_ / "never.npy"));
  const Outcome none = run({"env", "SIMT_MEMORY=1000000000", "SIMT_OCCUPIED=999000000", program("fill_mask"),
                            "a <mask>", "--device", "simt", "--threads", "1"});
  EXPECT_EQ(none.code, 2) << none.err;
  EXPECT_NE(none.err.find("of its 1000000000 are free"), std::string::npos) << none.err;
  // The message offers the largest --tokens-per-batch that fits, and it does fit.
  const Words tight{"env", "SIMT_MEMORY=73000000"};
  const Outcome refused = run(tight + evaluate + Words{"--tokens-per-batch", "100000"});
  EXPECT_EQ(refused.code, 2) << refused.err;
  const std::string flag = "--tokens-per-batch ";
  const size_t at = refused.err.find(flag), end = refused.err.find(" is the largest that fits");
  ASSERT_NE(end, std::string::npos) << refused.err;
  const std::string offered = refused.err.substr(at + flag.size(), end - at - flag.size());
  const Outcome o = run(tight + evaluate + Words{"--tokens-per-batch", offered});
  EXPECT_EQ(o.code, 0) << offered << ": " << o.err;
}

}  // namespace
}  // namespace encore::test
