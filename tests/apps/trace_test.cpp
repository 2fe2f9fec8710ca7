// trace: its output agrees with the recording, and it refuses every bad batch in one line.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/apps/program.h"
#include "tests/model/golden_rule.h"

namespace encore::test {
namespace {

const std::string kCase = ENCORE_SOURCE_DIR "/tests/golden/mlm-d32";

Outcome trace(const std::string& batch, const std::string& output, std::vector<std::string> more = {}) {
  std::vector<std::string> words = {program("trace"), "--model", kCase + "/model", "--batch", batch,
                                    "--output",       output};
  words.insert(words.end(), more.begin(), more.end());
  return run(words);
}

void expect_refused(const Outcome& o, const std::string& part) {
  EXPECT_EQ(o.code, 2) << o.err;
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  EXPECT_NE(o.err.find(part), std::string::npos) << o.err;
}

TEST(Trace, WritesWhatHuggingFaceComputes) {
  TemporaryFolder dir;
  const Outcome o = trace(kCase + "/ragged.json", dir / "out.safetensors", {"--dtype", "fp32", "--device", "cpu"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out + o.err, "");
  const GoldenRule rule(read_json(kCase + "/errors.json").at("ragged"), DType::kF32);
  const Tensors reference = read_tensors(kCase + "/ragged.safetensors"), got = read_tensors(dir / "out.safetensors");
  EXPECT_EQ(got.size(), reference.size());
  for (const std::string& line : rule.violations(got, reference)) ADD_FAILURE() << line;
  const auto file = open_safetensors_file(dir / "out.safetensors");
  for (const auto& [name, entry] : file->tensors()) EXPECT_EQ(entry.dtype, "F32") << name;
}

TEST(Trace, RefusesBadBatches) {
  TemporaryFolder dir;
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"", "not valid JSON"},
      {"[1]", "a JSON array where an object is expected"},
      {R"({"input_ids": [[0]], "input_ids": [[0]]})", "the key 'input_ids' comes twice"},
      {R"({"input_ids": )" + std::string(200000, '[') + std::string(200000, ']') + "}", "nested deeper than 64 levels"},
      {R"({"labels": [[1]]})", "has no input_ids"},
      {R"({"input_ids": [[0, 5, 2]]})", "either labels or class_labels"},
      {R"({"input_ids": [[0, 5, 2]], "labels": [[1, 2, 3]], "class_labels": [1]})", "either labels or class_labels"},
      {R"({"input_ids": [], "labels": []})", "input_ids must be a list of lists"},
      {R"({"input_ids": [[]], "labels": [[]]})", "input_ids[0] is empty"},
      {R"({"input_ids": [[0, "x"]], "labels": [[1, 2]]})", "input_ids[0][1]: \"x\" is not an id"},
      {R"({"input_ids": [[0, 1.5]], "labels": [[1, 2]]})", "is not an id"},
      {R"({"input_ids": [[0, 18446744073709551615]], "labels": [[1, 2]]})", "is not an id"},
      {R"({"input_ids": [[0, -9223372036854775808]], "labels": [[1, 2]]})", "is not an id"},
      {R"({"input_ids": [[0, 5, 2]], "labels": [[1, 2]]})", "labels[0] has 2 entries; input_ids[0] has 3"},
      {R"({"input_ids": [[0, 5, 2]], "labels": [[1, 2, 3], [1]]})", "labels must hold 1 lists"},
      {R"({"input_ids": [[0, 5, 2]], "labels": [[-100, -100, -100]]})", "marks no token"},
      {R"({"input_ids": [[0, 5, 2]], "labels": [[-100, -1, -100]]})", "labels holds -1"},
      {R"({"input_ids": [[0, 5, 2]], "labels": [[-100, 333, -100]]})", "is 333, not in 0 .. 332"},
      {R"({"input_ids": [[0, 333, 2]], "labels": [[-100, 5, -100]]})", "ids[1] is 333"},
      {R"({"input_ids": [[0, -5, 2]], "labels": [[-100, 5, -100]]})", "ids[1] is -5"},
      {R"({"input_ids": [[0, 5, 2]], "labels": [[-100, 5, -100]], "token_type_ids": [[0, 1, 0]]})", "type_ids[1] is 1"},
      {R"({"input_ids": [[0, 5, 2]], "class_labels": [0, 1]})", "class_labels has 2 entries for 1 sequences"},
      {R"({"input_ids": [[0, 5, 2]], "class_labels": [-1]})", "class_labels holds -1"},
  };
  for (const auto& [text, part] : bad) {
    SCOPED_TRACE(text);
    write_text(dir / "batch.json", text);
    expect_refused(trace(dir / "batch.json", dir / "out.safetensors"), part);
  }
  std::string ids = "0", labels = "5";
  for (int i = 0; i < 48; ++i) {
    ids += ", 7";
    labels += ", -100";
  }
  write_text(dir / "batch.json", fmt::format(R"({{"input_ids": [[{}]], "labels": [[{}]]}})", ids, labels));
  expect_refused(trace(dir / "batch.json", dir / "out.safetensors"), "has 49 tokens; this model serves at most 48");
  EXPECT_FALSE(std::filesystem::exists(dir / "out.safetensors"));
}

TEST(Trace, RefusesWhatItCannotOpen) {
  TemporaryFolder dir;
  const std::string batch = kCase + "/ragged.json", output = dir / "out.safetensors";
  expect_refused(trace(dir / "none.json", output), "none.json");
  expect_refused(trace(batch, output, {"--device", "tpu"}), "--device");
  expect_refused(trace(batch, output, {"--dtype", "fp16"}), "--dtype");
  expect_refused(run({program("trace"), "--model", dir / "none", "--batch", batch, "--output", output}),
                 "none: no such folder");
  expect_refused(run({program("trace"), "--model", kCase + "/model"}), "--batch");
}

}  // namespace
}  // namespace encore::test
