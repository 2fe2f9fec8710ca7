// The memory that runs take, beside their plans: within 10 % or 32 MiB, for models of 2 layers of width 32 up to
// RoBERTa-base's shape.
#include "train/memory_plan.h"

#include <malloc.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

#include "apps/program/heap.h"
#include "kernels/backend_factory.h"
#include "tests/apps/program.h"

namespace encore::test {
namespace {

constexpr double kMiB = double(1 << 20);

struct Shape {
  int layers, width, heads;
};

// A model with fresh weights and the bundled tokenizer.
std::string make_model(const TemporaryFolder& place, const Shape& s) {
  const std::string name = fmt::format("{}x{}", s.layers, s.width);
  write_text(place / (name + ".json"),
             fmt::format(R"({{"model_type": "roberta", "vocab_size": 8192, "hidden_size": {}, "num_hidden_layers": {},
"num_attention_heads": {}, "intermediate_size": {}, "max_position_embeddings": 514, "type_vocab_size": 1}})",
                         s.width, s.layers, s.heads, 4 * s.width));
  const Outcome made = run({program("init_model"), "--config", place / (name + ".json"), "--tokenizer",
                            std::string(ENCORE_SOURCE_DIR) + "/models/encore-mini", "--output", place / name});
  EXPECT_EQ(made.code, 0) << made.err;
  return place / name;
}

double bytes_of(const std::string& number, const std::string& unit) {
  return std::stod(number) * (unit == "GiB" ? 1024 * kMiB : unit == "MiB" ? kMiB : unit == "KiB" ? 1024 : 1);
}

// Compares the numbers that the patterns' two groups, number and unit, find in what a program said.
void expect_as_planned(const Outcome& ran, const std::string& used, const std::string& planned) {
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string said = ran.out + ran.err;
  std::smatch use, plan;
  ASSERT_TRUE(std::regex_search(said, use, std::regex(used + " ([0-9.]+) (\\w+)"))) << said;
  ASSERT_TRUE(std::regex_search(said, plan, std::regex(planned + " +([0-9.]+) (\\w+)"))) << said;
  const double u = bytes_of(use[1], use[2]), p = bytes_of(plan[1], plan[2]);
  EXPECT_LE(std::abs(u - p), std::max(0.1 * p, 32 * kMiB)) << u / kMiB << " MiB used, planned " << p / kMiB;
}

std::vector<std::string> dtypes() {
  std::vector<std::string> all = {"fp32"};
  if (make_backend("cpu")->native_bf16()) all.push_back("bf16");
  return all;
}

class MemoryPlans : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer's own memory is in no plan";
#endif
  }
  // steps of `sequences` texts of up to `length` tokens
  void train(const std::string& model, const std::string& dtype, int threads, int sequences, int length, int steps) {
    SCOPED_TRACE(fmt::format("{} {}, {} threads, {} x {}", fs::path(model).filename().string(), dtype, threads,
                             sequences, length));
    const std::string output = place_ / fmt::format("run-{}", ++runs_);
    expect_as_planned(run({program("dapt_train"),
                           "--model",
                           model,
                           "--train",
                           text_,
                           "--output",
                           output,
                           "--max-steps",
                           std::to_string(steps),
                           "--epochs",
                           "0",
                           "--batch-sequences",
                           std::to_string(sequences),
                           "--seq-length",
                           std::to_string(length),
                           "--save-every",
                           "0",
                           "--dtype",
                           dtype,
                           "--threads",
                           std::to_string(threads)}),
                      "peak memory:", "anonymous \\(plan");
    fs::remove_all(output);
  }

  TemporaryFolder place_;
  std::string text_ = std::string(ENCORE_SOURCE_DIR) + "/examples/gene_ontology/train.txt";
  int runs_ = 0;
};

TEST_F(MemoryPlans, SmallModels) {
  for (const Shape& shape : {Shape{2, 32, 1}, Shape{2, 64, 2}}) {
    const std::string model = make_model(place_, shape);
    for (const std::string& dtype : dtypes())
      for (const int threads : {1, 2}) {
        if (threads == 2) train(model, dtype, threads, 16, 64, 30);
        train(model, dtype, threads, 64, 512, 8);
        if (threads == 2 && shape.width == 64) train(model, dtype, threads, 2048, 64, 1);  // large micro-batches
      }
  }
}

TEST_F(MemoryPlans, WiderModels) {
  const std::string model = make_model(place_, {4, 256, 4}), base = make_model(place_, {12, 768, 12});
  for (const int threads : {1, 2}) train(model, "fp32", threads, 16, 64, 12);
  // RoBERTa-base's shape: two steps, without the gigabytes that a run saves.
  const Outcome two_steps = run(
      {program("dapt_train"), "--model",     base,        "--train",  text_,     "--output",          place_ / "base",
       "--dry-run",           "--max-steps", "2",         "--epochs", "0",       "--batch-sequences", "4",
       "--seq-length",        "64",          "--threads", "2",        "--dtype", dtypes().back()});
  expect_as_planned(two_steps, "memory so far +", "the plan says");
}

TEST_F(MemoryPlans, FineTuningAndPrediction) {
  const std::string model = make_model(place_, {2, 64, 2}), rows = place_ / "rows.jsonl", output = place_ / "task";
  std::string text;
  std::ifstream in(text_);
  int n = 0;
  for (std::string line; n < 200 && std::getline(in, line); ++n)
    text += nlohmann::json{{"text", line}, {"label", n % 2 ? "odd" : "even"}}.dump() + "\n";
  write_text(rows, text);
  expect_as_planned(run({program("finetune"), "--model", model, "--train", rows, "--dev", rows, "--output", output,
                         "--epochs", "2", "--threads", "2", "--dtype", "fp32"}),
                    "peak memory:", "anonymous \\(plan");
  expect_as_planned(run({program("predict"), "--model", output + "/model", "--data", rows, "--memory-report",
                         "--threads", "2", "--dtype", "fp32"}),
                    "peak memory:", "total");
}

// Under a limit of the address space a run ends well or with one line. oneDNN crashes where it gets no space for code.
TEST_F(MemoryPlans, LimitOfTheAddressSpace) {
  const std::string model = make_model(place_, {2, 32, 1});
  for (int kib = 300000; kib <= 400000; kib += 20000) {
    SCOPED_TRACE(kib);
    const std::string output = place_ / fmt::format("limited-{}", kib);
    const Outcome ran = run({"sh",
                             "-c",
                             fmt::format("ulimit -v {}; exec \"$@\"", kib),
                             "-",
                             program("dapt_train"),
                             "--model",
                             model,
                             "--train",
                             text_,
                             "--output",
                             output,
                             "--max-steps",
                             "6",
                             "--epochs",
                             "0",
                             "--batch-sequences",
                             "32",
                             "--seq-length",
                             "128",
                             "--threads",
                             "2"});
    EXPECT_TRUE(ran.code == 0 || ran.code == 2 || ran.code == 70) << ran.code << ran.out << ran.err;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), ran.code == 0 ? 0 : 1) << ran.err;
  }
}

// A block of the size of oneDNN's buffers is mapped alone, also after a larger one was freed.
TEST(Heap, ReturnsLargeBlocks) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer has a heap of its own";
#endif
  return_large_blocks();
  void* volatile large = std::malloc(size_t(16) << 20);
  std::free(large);
  const size_t before = ::mallinfo2().hblks;
  void* volatile buffer = std::malloc(size_t(1) << 20);
  EXPECT_EQ(::mallinfo2().hblks, before + 1);
  std::free(buffer);
  EXPECT_EQ(::mallinfo2().hblks, before);
}

}  // namespace
}  // namespace encore::test
