// The messages of why_unusable(), and the card of each rank.
#include "kernels/cuda/usable_device.h"

#include <gtest/gtest.h>

#include "kernels/base/check.h"

namespace encore::cuda {
namespace {

DeviceFacts good() {
  return {.driver_version = 13000, .runtime_version = 13000, .devices = 2, .major = 9, .minor = 0, .name = "H100"};
}

void expect_words(const DeviceFacts& facts, std::initializer_list<const char*> words) {
  const std::string said = why_unusable(facts);
  for (const char* word : words) EXPECT_NE(said.find(word), std::string::npos) << word << " is not in: " << said;
  EXPECT_EQ(said.find('\n'), std::string::npos) << said;
}

TEST(UsableDevice, CardsThatTheKernelsServe) {
  DeviceFacts f = good();
  EXPECT_EQ(why_unusable(f), "");
  for (const int minor : {0, 6, 7, 9}) {
    f.major = 8, f.minor = minor;
    EXPECT_EQ(why_unusable(f), "") << minor;
  }
  for (const int major : {10, 11, 12, 13}) {
    f.major = major, f.minor = 0;
    EXPECT_EQ(why_unusable(f), "") << major;
  }
  f.driver_version = 13020;
  EXPECT_EQ(why_unusable(f), "");
}

TEST(UsableDevice, ABuildWithoutCodeForTheCardSaysWhatToBuild) {
  EXPECT_EQ(code_for_current_device(), cudaSuccess);
  DeviceFacts f = good();
  EXPECT_EQ(why_without_code(f, cudaSuccess), "");
  f.major = 12, f.minor = 1, f.name = "GB10";
  const std::string said = why_without_code(f, cudaErrorNoKernelImageForDevice);
  for (const char* word : {"GB10", "12.1", "ENCORE_CUDA_ARCHITECTURES=121,", "--device cpu"})
    EXPECT_NE(said.find(word), std::string::npos) << word << " is not in: " << said;
  f.major = 9, f.minor = 0;
  EXPECT_NE(why_without_code(f, cudaErrorNoKernelImageForDevice).find("ARCHITECTURES=90a,"), std::string::npos);
}

TEST(UsableDevice, CardsOfAnotherGeneration) {
  DeviceFacts f = good();
  f.major = 7, f.minor = 5, f.name = "T4";
  expect_words(f, {"T4", "7.5", "8.0 or more", "--device cpu"});
}

TEST(UsableDevice, NoDriverNoCardOldDriver) {
  DeviceFacts f = good();
  f.status = cudaErrorInsufficientDriver;
  f.driver_version = 12040;
  expect_words(f, {"12.4", "13.0", "--device cpu"});
  f.driver_version = 0;
  expect_words(f, {"no NVIDIA driver", "--device cpu"});
  f = good();
  f.status = cudaErrorNoDevice;
  f.devices = 0;
  expect_words(f, {"no GPU", "CUDA_VISIBLE_DEVICES", "--device cpu"});
  f = good();
  f.device = 2;
  expect_words(f, {"number 2", "2 visible"});
}

TEST(UsableDevice, ACardThatFails) {
  DeviceFacts f = good();
  f.status = cudaErrorInvalidDevice;
  expect_words(f, {"does not answer", "invalid device ordinal", "--device cpu"});
}

TEST(DeviceOfRank, OneCardARank) {
  for (int rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(device_of_rank(4, rank, 4), rank);
    EXPECT_EQ(device_of_rank(8, rank, 4), rank);
    EXPECT_EQ(device_of_rank(1, rank, 4), 0) << "the launcher shows each rank its own";
    EXPECT_EQ(device_of_rank(0, rank, 4), 0) << "that there is none is said elsewhere";
  }
  EXPECT_EQ(device_of_rank(8, 0, 1), 0);
  try {
    device_of_rank(2, 1, 4);
    FAIL() << "four ranks on two cards";
  } catch (const PlacementError& e) {
    EXPECT_NE(std::string(e.what()).find("4 ranks on this machine and 2 GPUs: one rank a GPU, so start 2 here"),
              std::string::npos);
  }
}

TEST(UsableDevice, TheHostExecutorIsOne) {
  EXPECT_EQ(why_unusable(device_facts(0)), "");
  EXPECT_NE(why_unusable(device_facts(1)), "");
}

}  // namespace
}  // namespace encore::cuda
