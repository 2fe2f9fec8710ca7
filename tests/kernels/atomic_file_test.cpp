#include "kernels/base/atomic_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "kernels/base/check.h"

namespace encore {
namespace {

namespace fs = std::filesystem;

// A folder for each process, because the AVX2 run of this program may run at the same time.
std::string fresh_dir(const std::string& name) {
  const char* isa = std::getenv("ENCORE_ISA");
  const fs::path dir =
      fs::path(ENCORE_BINARY_DIR) / "test_files" / (std::string("atomic_file_") + (isa ? isa : "")) / name;
  fs::remove_all(dir);
  fs::create_directories(dir);
  return dir.string();
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

size_t entries(const std::string& dir) {
  return size_t(std::distance(fs::directory_iterator(dir), fs::directory_iterator()));
}

TEST(AtomicFile, AppearsOnCommit) {
  const std::string dir = fresh_dir("commit"), path = dir + "/a";
  write_file_atomic(path, "old");
  AtomicFile file(path);
  std::string expected;
  for (int i = 0; i < 40; ++i) {
    const std::string piece(size_t(i) * size_t(i) * 2000, char('a' + i % 26));  // smaller and larger than the buffer
    file.write(piece);
    expected += piece;
  }
  EXPECT_EQ(file.size(), expected.size());
  file.write_at(3000, "HEADER");
  expected.replace(3000, 6, "HEADER");
  EXPECT_EQ(read(path), "old");
  file.commit();
  EXPECT_EQ(read(path), expected);
  EXPECT_EQ(entries(dir), 1u) << "the temporary file is gone";
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const std::string dir = fresh_dir("dropped"), path = dir + "/a";
  {
    AtomicFile file(path);
    file.write("half");
    EXPECT_TRUE(fs::exists(file.temporary_path()));
  }
  EXPECT_EQ(entries(dir), 0u);
}

TEST(AtomicFile, NamesPathAndReason) {
  try {
    write_file_atomic("/nonexistent/folder/file", "x");
    FAIL() << "written";
  } catch (const IoError& error) {
    EXPECT_EQ(error.exit_code(), 74);
    const std::string what = error.what();
    EXPECT_NE(what.find("/nonexistent/folder/file"), std::string::npos) << what;
    EXPECT_NE(what.find("No such file or directory"), std::string::npos) << what;
  }
}

TEST(AtomicFile, AFolderOfThatNameStays) {
  const std::string dir = fresh_dir("folder");
  fs::create_directories(dir + "/a/b");
  EXPECT_THROW(write_file_atomic(dir + "/a", "x"), IoError);
  EXPECT_TRUE(fs::exists(dir + "/a/b"));
  EXPECT_EQ(entries(dir), 1u);
}

}  // namespace
}  // namespace encore
