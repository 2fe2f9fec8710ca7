// Programs open only shared objects that were built from the same headers.
#include "kernels/base/plugin.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string_view>

#include "kernels/base/check.h"

namespace encore {
namespace {

std::string refusal(const std::string& path) {
  try {
    open_plugin(path, RTLD_NOW | RTLD_LOCAL, "do without");
  } catch (const Error& e) {
    EXPECT_EQ(e.exit_code(), 2);
    EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
    EXPECT_TRUE(std::string_view(e.what()).ends_with("do without")) << e.what();
    return e.what();
  }
  return "opened";
}

TEST(Plugin, OfOtherHeadersIsRefused) {
  for (const char* stand_in : {"plugin_of_other_headers", "plugin_of_old"}) {
    const std::string message = refusal(std::string(ENCORE_BINARY_DIR "/tests/lib") + stand_in + ".so");
    EXPECT_NE(message.find("was built from other sources than the programs in "), std::string::npos) << message;
    EXPECT_NE(message.find("build them together"), std::string::npos) << message;
  }
}

TEST(Plugin, ThatCannotBeOpenedIsNamed) {
  EXPECT_NE(refusal("/nowhere/libencore_cuda.so").find("cannot be opened"), std::string::npos);
}

TEST(Plugin, OfThisBuildIsOpened) {
  int opened = 0;
  for (const char* name : {"libencore_simt.so", "libencore_mpi.so", "libencore_cuda.so"}) {
    const std::string path = std::string(ENCORE_BINARY_DIR "/lib/") + name;
    if (!std::filesystem::exists(path)) continue;
    EXPECT_EQ(refusal(path), "opened");
    ++opened;
  }
  if (!opened) GTEST_SKIP() << "skipped: this build has no shared objects of its own";
}

}  // namespace
}  // namespace encore
