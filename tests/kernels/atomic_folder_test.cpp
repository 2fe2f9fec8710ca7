// Folders that appear whole or not at all, recovery after a kill, and checksums of files.
#include "kernels/base/atomic_folder.h"

#include <unistd.h>

#include <filesystem>
#include <set>

#include "kernels/base/file_checksum.h"
#include "tests/model/test_files.h"

namespace encore {
namespace {

namespace fs = std::filesystem;

std::set<std::string> names(const std::string& folder) {
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) found.insert(entry.path().filename().string());
  return found;
}

void make(const std::string& folder, const std::string& text) {
  fs::create_directories(folder);
  write_file(folder + "/file", text);
}

bool any_name(const std::string&) {
  return true;
}

TEST(AtomicFolder, ReplacesAndCleansUp) {
  const TempDir place;
  for (const char* text : {"first", "second"}) {
    AtomicFolder folder(place / "a/b");
    write_file(folder.temporary_path() + "/file", text);
    folder.commit();
    EXPECT_EQ(read_file(place / "a/b/file"), text);
    EXPECT_EQ(names(place / "a"), std::set<std::string>{"b"});
  }
  { const AtomicFolder dropped(place / "a/b"); }
  EXPECT_EQ(read_file(place / "a/b/file"), "second");
  EXPECT_EQ(names(place / "a"), std::set<std::string>{"b"});
}

TEST(AtomicFolder, AnEmptyFolderStaysAndIsFilled) {
  const TempDir place;
  fs::create_directories(place / "a");
  fs::permissions(place / "a", fs::perms::owner_all);
  {
    AtomicFolder dropped(place / "a");
    write_file(dropped.temporary_path() + "/file", "dropped");
  }
  EXPECT_TRUE(fs::is_empty(place / "a"));
  AtomicFolder folder(place / "a");
  write_file(folder.temporary_path() + "/file", "kept");
  folder.commit();
  EXPECT_EQ(read_file(place / "a/file"), "kept");
  EXPECT_EQ(names(place / "a"), std::set<std::string>{"file"});
  EXPECT_EQ(fs::status(place / "a").permissions(), fs::perms::owner_all);
}

// A folder that has a temporary name by chance, and files that look a little like it.
TEST(AtomicFolder, WhatOthersPutThereStays) {
  const TempDir place;
  const std::string chance = "a.tmp-" + std::to_string(::getpid());
  make(place / chance, "of another");
  AtomicFolder folder(place / "a");
  write_file(folder.temporary_path() + "/file", "new");
  folder.commit();
  EXPECT_EQ(read_file(place / chance + "/file"), "of another");
  for (const char* name :
       {"notes.tmp-draft", "x.tmp-1.txt", "tmp-1", ".tmp", "a.tmp-older", "notes.tmp-2024", "b.tmp-old"})
    write_file(place / name, "mine");
  recover_folders(place.path(), [](const std::string& name) { return name == "a"; });
  for (const char* name :
       {"notes.tmp-draft", "x.tmp-1.txt", "tmp-1", ".tmp", "a.tmp-older", "notes.tmp-2024", "b.tmp-old"})
    EXPECT_EQ(read_file(place / name), "mine");
  EXPECT_FALSE(fs::exists(place / chance)) << "as a killed process leaves it";
}

// Without an exchange of folders there is a moment when `path` does not exist. A kill at that moment is recovered from.
TEST(AtomicFolder, WhatAKillLeavesBetweenTwoRenamesIsRecovered) {
  const TempDir place;
  make(place / "state", "old");
  make(place / "state.tmp-1", "new");
  replace_by_two_renames(place / "state.tmp-1", place / "state");
  EXPECT_EQ(read_file(place / "state/file"), "new");
  EXPECT_EQ(names(place.path()), std::set<std::string>{"state"});

  fs::rename(place / "state", place / "state.tmp-old");
  make(place / "state.tmp-7", "half");
  write_file(place / "log.tmp-7-0", "half");
  recover_folders(place.path(), any_name);
  EXPECT_EQ(names(place.path()), std::set<std::string>{"state"});
  EXPECT_EQ(read_file(place / "state/file"), "new");

  // Killed after both renames: the old folder is removed.
  make(place / "state.tmp-old", "old");
  recover_folders(place.path(), any_name);
  EXPECT_EQ(names(place.path()), std::set<std::string>{"state"});
  EXPECT_EQ(read_file(place / "state/file"), "new");
}

TEST(FileChecksum, IsThatOfTheWholeFileHoweverItIsCut) {
  const TempDir place;
  write_file(place / "check", "123456789");
  EXPECT_EQ(file_checksum(place / "check").hex(), "cbf43926");  // the check value of CRC-32
  std::string large(9'000'001, 'x');
  for (size_t i = 0; i < large.size(); ++i) large[i] = char(i * 2654435761u >> 13);
  write_file(place / "large", large);
  const FileChecksum good = file_checksum(place / "large");
  EXPECT_EQ(good.bytes, large.size());
  large[8'500'000] ^= 1;
  write_file(place / "large", large);
  EXPECT_NE(file_checksum(place / "large"), good);
  EXPECT_THROW(file_checksum(place / "none"), Error);
}

TEST(AtomicFolder, WhatCannotBePublishedIsSaid) {
  const TempDir place;
  write_file(place / "file", "in the way");
  EXPECT_THROW(AtomicFolder(place / "file/inside"), IoError);
  AtomicFolder folder(place / "a");
  write_file(place / "a", "a file of that name");
  EXPECT_NO_THROW(folder.commit());  // exchanged like a folder
  EXPECT_TRUE(fs::is_directory(place / "a"));
  EXPECT_THROW(replace_by_two_renames(place / "nothing", place / "a"), IoError);
  EXPECT_TRUE(fs::is_directory(place / "a")) << "what stood there has its name back";
  EXPECT_THROW(sync_folder(place / "nowhere"), IoError);
}

}  // namespace
}  // namespace encore
