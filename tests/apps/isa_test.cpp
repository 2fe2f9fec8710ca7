// Whole programs on the instruction set that they pick at run time, and on narrower ones (ENCORE_ISA, which caps
// oneDNN too): results match Hugging Face's within the fp32 rule, a line names the choice, and --dtype follows it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string_view>

#include "kernels/cpu/processor.h"
#include "kernels/cpu/vec/dispatch.h"
#include "tests/apps/program.h"
#include "tests/model/golden_rule.h"

namespace encore::test {
namespace {

// The words before each command: scripts/avx2_emulated.sh puts an emulator of a processor without AVX-512 there.
Words emulator() {
  const char* set = std::getenv("ENCORE_TEST_EMULATOR");
  std::istringstream in(set ? set : "");
  return {std::istream_iterator<std::string>(in), {}};
}

// isa: the value of ENCORE_ISA; "" leaves the choice to the program.
Outcome run_on(const std::string& isa, const Words& command) {
  Words words = {"/usr/bin/env", isa.empty() ? "--unset=ENCORE_ISA" : "ENCORE_ISA=" + isa};
  const Words first = emulator();
  words.insert(words.end(), first.begin(), first.end());
  words.insert(words.end(), command.begin(), command.end());
  return run(words);
}

// True if the programs below can run their AVX-512 copy.
bool has_avx512() {
  __builtin_cpu_init();
  return emulator().empty() && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Folders with errors.json: this repository's, and the shared recordings' if they are present.
std::vector<std::string> golden_cases() {
  std::vector<std::string> cases;
  for (const char* root : {ENCORE_SOURCE_DIR "/tests/golden", ENCORE_SOURCE_DIR "/../shared/golden"}) {
    if (!fs::exists(root)) continue;
    for (const auto& entry : fs::directory_iterator(root)) {
      const std::string path = entry.path().string();
      const bool bert = entry.path().filename().string().starts_with("bert");
      if (!bert && fs::exists(path + "/errors.json")) cases.push_back(path);
    }
  }
  return cases;
}

void expect_what_hugging_face_computes(const std::string& isa) {
  TemporaryFolder dir;
  int batches = 0;
  for (const std::string& path : golden_cases()) {
    const nlohmann::json errors = read_json(path + "/errors.json");
    for (const auto& [batch, of_batch] : errors.items()) {
      if (!fs::exists(path + "/" + batch + ".json")) continue;  // the repository holds only a part of the recordings
      SCOPED_TRACE(isa + " " + path + " " + batch);
      const std::string got = dir / "out.safetensors";
      const Outcome o =
          run_on(isa, {program("trace"), "--model", path + "/model", "--batch", path + "/" + batch + ".json",
                       "--output", got, "--device", "cpu", "--dtype", "fp32"});
      ASSERT_EQ(o.code, 0) << o.err;
      const GoldenRule rule(of_batch, DType::kF32);
      for (const std::string& line :
           rule.violations(read_tensors(got), read_tensors(path + "/" + batch + ".safetensors")))
        ADD_FAILURE() << line;
      ++batches;
    }
  }
  EXPECT_GE(batches, 2);
}

TEST(Isa, Avx2ComputesWhatHuggingFaceDoes) {
  expect_what_hugging_face_computes(emulator().empty() ? "avx2" : "");
}

TEST(Isa, Avx512WithoutBf16ComputesWhatHuggingFaceDoes) {
  if (!has_avx512()) GTEST_SKIP() << "skipped: no AVX-512 here";
  expect_what_hugging_face_computes("avx512");
}

// The first line of dapt_train, and a line of mlm_eval.
std::string picked(const std::string& isa, const Words& more = {}) {
  static const TinyWorkplace place;
  static int runs = 0;
  Words words = {program("dapt_train"),
                 "--model",
                 place.model(),
                 "--train",
                 place.train(),
                 "--eval",
                 place.eval(),
                 "--output",
                 place / ("isa-" + std::to_string(++runs)),
                 "--max-steps",
                 "2",
                 "--seq-length",
                 "32",
                 "--cache-dir",
                 place.cache(),
                 "--device",
                 "cpu"};
  words.insert(words.end(), more.begin(), more.end());
  const Outcome train = run_on(isa, words);
  EXPECT_EQ(train.code, 0) << train.err;
  words = {program("mlm_eval"), "--model",     place.model(), "--data", place.eval(), "--seq-length", "32",
           "--cache-dir",       place.cache(), "--device",    "cpu"};
  words.insert(words.end(), more.begin(), more.end());
  const Outcome eval = run_on(isa, words);
  EXPECT_EQ(eval.code, 0) << eval.err;
  const std::string lead = "computed by    ";
  const size_t at = eval.out.find(lead);
  EXPECT_NE(at, std::string::npos) << eval.out;
  const size_t from = at + lead.size(), end = eval.out.find('\n', at);
  const std::string line = eval.out.substr(from, end - from);
  EXPECT_TRUE(holds(train.out, line)) << line << "\nis not in\n" << train.out;
  return line;
}

TEST(Isa, ProgramsSayWhatTheyPicked) {
  const std::string narrow = picked("avx2");
  EXPECT_TRUE(holds(narrow, " vec/ avx2, oneDNN ") && holds(narrow, "fp32 activations")) << narrow;
  if (has_avx512()) {
    const std::string middle = picked("avx512");
    EXPECT_TRUE(holds(middle, " vec/ avx512, oneDNN ") && holds(middle, " avx512_core,")) << middle;
    EXPECT_TRUE(holds(middle, "fp32 activations")) << middle;
  }
  const std::string own = picked("");
  ::unsetenv("ENCORE_ISA");  // this process picks by the same rule
  const bool wide = cpu::multiplies_bf16() && emulator().empty();
  const char* const expected = emulator().empty() ? cpu::isa_name(cpu::isa()) : "avx2";
  EXPECT_TRUE(holds(own, fmt::format(" vec/ {}, oneDNN ", expected))) << own;
  EXPECT_TRUE(holds(own, wide && cpu::fast_bf16() ? "bf16 activations" : "fp32 activations")) << own;
  if (wide) {
    EXPECT_TRUE(holds(picked("", {"--dtype", "bf16"}), "bf16 activations"));
  }
  EXPECT_TRUE(holds(picked("", {"--dtype", "fp32"}), "fp32 activations"));
}

TEST(Isa, Bf16IsRefusedWhereTheProcessorLacksIt) {
  TemporaryFolder dir;
  const std::string path = ENCORE_SOURCE_DIR "/tests/golden/mlm-d32";
  const Words words = {program("trace"),
                       "--model",
                       path + "/model",
                       "--batch",
                       path + "/ragged.json",
                       "--output",
                       dir / "out.safetensors",
                       "--device",
                       "cpu",
                       "--dtype",
                       "bf16"};
  for (const char* isa : {"avx2", "avx512"}) {
    const Outcome o = run_on(isa, words);
    EXPECT_EQ(o.code, 2);
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_TRUE(holds(o.err, "does not multiply bf16 natively; use --dtype fp32")) << o.err;
    EXPECT_FALSE(fs::exists(dir / "out.safetensors"));
  }
}

TEST(Isa, RefusesAnUnknownOne) {
  const std::string path = ENCORE_SOURCE_DIR "/tests/golden/mlm-d32";
  const TemporaryFolder dir;
  const Outcome o = run_on("sse4", {program("trace"), "--model", path + "/model", "--batch", path + "/ragged.json",
                                    "--output", dir / "out.safetensors", "--device", "cpu"});
  EXPECT_EQ(o.code, 2);
  EXPECT_TRUE(holds(o.err, "ENCORE_ISA is 'sse4'")) << o.err;
}

}  // namespace
}  // namespace encore::test
