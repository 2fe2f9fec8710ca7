#include "model/checksums.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/file_checksum.h"
#include "model/json_text.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace encore {
namespace {

// The path without a slash at its end.
fs::path folder_path(const std::string& dir) {
  const fs::path path = fs::path(dir).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

std::string damage_of(const std::string& path, const json& expected) {
  std::error_code error;
  if (!fs::exists(path, error)) return fmt::format("{}: is missing", path);
  const FileChecksum sum = file_checksum(path);
  if (const uint64_t bytes = uint64_t(whole_number(expected.at("bytes"))); sum.bytes != bytes)
    return fmt::format("{}: has {} bytes, not {}", path, sum.bytes, bytes);
  return json(sum.hex()) == expected.at("crc32") ? "" : fmt::format("{}: is damaged (checksum)", path);
}

// A model folder with the same parent whose files all match their checksums; empty: none.
std::string whole_neighbour(const std::string& dir) {
  const fs::path own = folder_path(dir), parent = own.parent_path().empty() ? "." : own.parent_path();
  std::error_code error;
  std::set<fs::path> others;
  for (const auto& entry : fs::directory_iterator(parent, error))
    if (entry.path().filename() != own.filename() && fs::exists(entry.path() / kChecksumsFile, error) &&
        entry.path().filename().string().find(".tmp-") == std::string::npos)
      others.insert(entry.path());
  for (const fs::path& other : others)
    if (find_damage(other.string()).empty()) return other.string();
  return "";
}

}  // namespace

void write_checksums(const std::string& dir) {
  json files = json::object();
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    if (name == kChecksumsFile || !entry.is_regular_file(error)) continue;
    const FileChecksum sum = file_checksum(entry.path().string());
    files[name] = {{"bytes", sum.bytes}, {"crc32", sum.hex()}};
  }
  if (error) fail_io("{}: cannot be read: {}", dir, error.message());
  write_file_atomic(dir + "/" + kChecksumsFile, json{{"files", files}}.dump(1) + "\n");
}

std::string find_damage(const std::string& folder) {
  const std::string dir = folder_path(folder).string(), file = dir + "/" + kChecksumsFile;
  std::ifstream in(file);
  if (!in) return "";
  std::stringstream text;
  text << in.rdbuf();
  try {
    const json whole = json::parse(text.str());
    for (const auto& [name, expected] : whole.at("files").items())
      if (std::string damage = damage_of(dir + "/" + name, expected); !damage.empty()) return damage;
  } catch (const json::exception&) {
    return fmt::format("{}: is damaged (not the JSON that was written)", file);
  } catch (const IoError& e) {
    return e.what();
  }
  return "";
}

void check_checksums(const std::string& dir) {
  const std::string damage = find_damage(dir);
  if (damage.empty()) return;
  const std::string neighbour = whole_neighbour(dir);
  fail("{}: {} (who changed the folder on purpose removes its {})", damage,
       neighbour.empty() ? "take another copy of the model" : fmt::format("{} is whole: use that", neighbour),
       kChecksumsFile);
}

}  // namespace encore
