#include "apps/program/output_path.h"

#include <filesystem>
#include <fstream>

#include "kernels/base/in_quotes.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

constexpr size_t kStartBytes = size_t(1) << 16;  // bytes by which a file is recognised

// With links followed and without "." and "..", whether or not it is there.
fs::path canonical(const std::string& path) {
  std::error_code error;
  fs::path target = fs::absolute(path, error);
  // A link to a file that is not there yet, which weakly_canonical would leave as it is.
  for (int links = 0; links < 40 && fs::is_symlink(target, error) && !fs::exists(target, error); ++links)
    target = target.parent_path() / fs::read_symlink(target, error);
  const fs::path found = fs::weakly_canonical(target, error);
  return error ? fs::absolute(path).lexically_normal() : found;
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  fs::path part = path;
  while (part.has_relative_path()) {
    if (part == folder) return true;
    part = part.parent_path();
  }
  return false;
}

void check_apart(const std::string& flag, const fs::path& target, const std::string& given, const Cli& cli) {
  std::error_code error;
  for (const auto& [input, values] : cli.inputs())
    for (const std::string& value : values) {
      check(!fs::equivalent(target, value, error), "--{} {}: is the file of --{}: name another file", flag, given,
            input);
      check(!fs::is_directory(value, error) || !is_inside(target, canonical(value)),
            "--{} {}: lies in the folder of --{} {}: name a place outside of it", flag, given, input, value);
    }
}

std::string start_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string start(kStartBytes, '\0');
  in.read(start.data(), std::streamsize(start.size()));
  start.resize(size_t(in.gcount()));
  return start;
}

}  // namespace

std::string output_file(const Cli& cli, const std::string& flag, const OwnFile& own,
                        const std::vector<std::string>& inputs) {
  const std::string given = cli.get(flag);
  if (given.empty()) return "";
  const fs::path target = canonical(given);
  std::error_code error;
  check(fs::is_directory(target.parent_path(), error), "--{} {}: there is no folder {}", flag, given,
        target.parent_path().string());
  check_apart(flag, target, given, cli);
  for (const std::string& input : inputs)
    check(!fs::equivalent(target, input, error), "--{} {}: is a file that is read, {}: name another file", flag, given,
          input);
  if (!fs::exists(target, error)) return target.string();
  check(!fs::is_directory(target, error), "--{} {}: is a folder: name a file", flag, given);
  check(fs::is_regular_file(target, error), "--{} {}: is no regular file: name one", flag, given);
  const std::string start = start_of(target);
  check(start.empty() || own(start), "--{} {}: is there already, and {} did not write it: name another file", flag,
        given, cli.program());
  return target.string();
}

std::string output_folder(const Cli& cli) {
  const std::string given = cli.required("output");
  const fs::path target = canonical(given);
  std::error_code error;
  check_apart("output", target, given, cli);
  if (!fs::exists(target, error)) return target.string();
  check(fs::is_directory(target, error), "--output {}: is no folder", given);
  fs::directory_iterator entries(target, error);
  check(!error, "--output {}: cannot be read: {}", given, error.message());
  check(entries == fs::directory_iterator(), "--output {}: holds {} already: name a new or an empty folder", given,
        entries == fs::directory_iterator() ? "" : in_quotes(entries->path().filename().string()));
  return target.string();
}

void check_folders_apart(const Cli& cli) {
  const auto check_outside = [&](const std::string& flag, const std::string& folder_flag) {
    if (!cli.declares(flag) || !cli.declares(folder_flag)) return;
    const std::string path = cli.get(flag), folder = cli.get(folder_flag);
    if (path.empty() || folder.empty()) return;
    check(!is_inside(canonical(path), canonical(folder)),
          "--{} {}: lies in the folder of --{} {}: name a place outside of it", flag, path, folder_flag, folder);
  };
  check_outside("output", "model");
  check_outside("cache-dir", "model");
  check_outside("cache-dir", "output");
}

}  // namespace encore
