// The algorithms of matrix products that are kept on disk, through the backend on the host executor.
#include "kernels/cuda/gemm/algorithm_cache.h"

#include <gtest/gtest.h>
#include <simt/executor.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "kernels/cuda/cuda_backend.h"

namespace encore {
namespace {

constexpr uint64_t kUses = 4, kTiming = 10;  // two candidates, five runs each

class AlgorithmCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "encore-algorithm-cache-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ::setenv("ENCORE_CACHE", name.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("ENCORE_CACHE");
    std::filesystem::remove_all(folder_);
  }

  // How many products a new backend runs, timing included, for `uses` products of one shape with these numbers of rows
  // in turn.
  uint64_t products(const std::vector<int64_t>& rows = {64}, uint64_t uses = kUses) {
    const uint64_t before = simt::stats().products;
    CudaBackend backend;
    auto* memory = static_cast<float*>(backend.allocate(3 * 512 * 64 * sizeof(float)));
    const auto matrix = [&](int i, int64_t r) { return Tensor(memory + i * 512 * 64, DType::kF32, r, 64); };
    for (uint64_t i = 0; i < uses; ++i) {
      const int64_t r = rows[i % rows.size()];
      linear_forward(backend, {.x = matrix(0, r), .w = matrix(1, 64), .y = matrix(2, r)});
    }
    backend.free(memory);
    return simt::stats().products - before;
  }

  std::string file() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) return entry.path().string();
    return "";
  }
  std::string text() {
    std::stringstream whole;
    whole << std::ifstream(file()).rdbuf();
    return whole.str();
  }

  std::filesystem::path folder_;
};

TEST_F(AlgorithmCacheTest, TheNextProgramTimesNothing) {
  EXPECT_EQ(products(), kUses + kTiming);
  ASSERT_NE(file(), "");
  EXPECT_NE(file().find("host_executor"), std::string::npos) << file();
  EXPECT_EQ(products(), kUses);
}

// Ragged batches: a few rows more or less are no reason to choose again, in this program or in the next.
TEST_F(AlgorithmCacheTest, NeighboursShareAChoice) {
  EXPECT_EQ(products({500, 460, 449, 512}, 8), 8 + kTiming);
  EXPECT_EQ(products({470}, 4), 4);
  EXPECT_EQ(products({448}, 4), 4 + kTiming);
}

TEST_F(AlgorithmCacheTest, ADamagedFileIsNamedOnceAndMadeAnew) {
  EXPECT_EQ(products(), kUses + kTiming);
  const std::string good = text(), name = file();
  for (const std::string& bad : {std::string("nonsense"), good.substr(0, good.size() / 2), good + "x",
                                 good.substr(0, good.find('\n') + 1) + "1" + good.substr(good.find('\n') + 2)}) {
    ASSERT_NE(bad, good);
    std::ofstream(name, std::ios::binary) << bad;
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(products(), kUses + kTiming);
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find(name), std::string::npos) << said;
    EXPECT_EQ(text(), good);
  }
}

TEST_F(AlgorithmCacheTest, KeepsWhatAnotherProcessAdded) {
  const cuda::Product one{.m = 1, .n = 1, .k = 1, .lda = 1, .ldb = 1, .ldd = 1, .in = DType::kF32, .out = DType::kF32};
  cuda::Product two = one;
  two.m = 2;
  cublasLtMatmulAlgo_t algorithm{};
  algorithm.data[3] = 0xfedcba9876543210u;
  {
    cuda::AlgorithmCache a("card", 7), b("card", 7);
    a.add(one, {});
    b.add(two, algorithm);
  }
  cuda::AlgorithmCache c("card", 7), other_version("card", 8);
  ASSERT_TRUE(c.find(one) && c.find(two));
  EXPECT_EQ(c.find(two)->data[3], algorithm.data[3]);
  EXPECT_FALSE(other_version.find(one));
}

TEST_F(AlgorithmCacheTest, AFolderThatCannotBeMadeIsNoReasonToStop) {
  std::ofstream(folder_ / "file") << "x";
  ::setenv("ENCORE_CACHE", (folder_ / "file" / "below").c_str(), 1);
  EXPECT_EQ(products(), kUses + kTiming);
}

}  // namespace
}  // namespace encore
