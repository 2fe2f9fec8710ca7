// checksums.json of a model folder: the message names the damaged file and an undamaged folder.
#include "model/checksums.h"

#include <filesystem>

#include "tests/model/test_files.h"

namespace encore {
namespace {

namespace fs = std::filesystem;

void make(const std::string& folder, const std::string& text) {
  fs::create_directories(folder);
  write_file(folder + "/file", text);
}

TEST(ModelChecksums, ADamagedFileIsNamedAndAWholeFolderOffered) {
  const TempDir place;
  for (const char* which : {"best", "last"}) {
    make(place / which, which);
    write_checksums(place / which);
    EXPECT_EQ(find_damage(place / which), "");
  }
  write_file(place / "best/file", "bent");
  try {
    check_checksums(place / "best/");
    FAIL() << "not found";
  } catch (const Error& e) {
    EXPECT_EQ(e.exit_code(), 2);
    EXPECT_NE(std::string(e.what()).find("best/file: is damaged"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("/last is whole"), std::string::npos) << e.what();
  }
  fs::remove(place / "last/file");
  EXPECT_NE(find_damage(place / "last").find("is missing"), std::string::npos);
  fs::remove(place / "best/checksums.json");
  EXPECT_NO_THROW(check_checksums(place / "best"));
}

TEST(ModelChecksums, DamageOfEveryKind) {
  const TempDir place;
  make(place / "model", "weights");
  const auto damage = [&] { return find_damage(place / "model"); };
  write_checksums(place / "model");
  write_file(place / "model/file", "longer weights");
  EXPECT_NE(damage().find("has 14 bytes, not 7"), std::string::npos) << damage();
  expect_refusal([&] { check_checksums(place / "model"); }, {"14 bytes", "take another copy", "checksums.json"});
  write_file(place / "model/file", "weights");
  EXPECT_EQ(damage(), "");
  for (const char* text : {"{", "{}", "{\"files\": {\"file\": {}}}"}) {
    write_file(place / "model/checksums.json", text);
    EXPECT_NE(damage().find("checksums.json: is damaged"), std::string::npos) << text;
  }
  EXPECT_THROW(write_checksums(place / "nowhere"), IoError);
}

}  // namespace
}  // namespace encore
