#include "data/readers/source_files.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "kernels/base/check.h"

namespace encore {

std::vector<SourceFile> stat_files(const std::vector<std::string>& paths) {
  std::vector<SourceFile> files;
  for (const std::string& path : paths) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0)
      fail("{}: cannot open the file: {}; check the path", path, std::strerror(errno));
    SourceFile& file = files.emplace_back();
    file.path = std::filesystem::absolute(path).lexically_normal().string();
    file.size = uint64_t(info.st_size);
    file.inode = uint64_t(info.st_ino);
    file.mtime_ns = int64_t(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
  }
  return files;
}

void check_untouched(const std::vector<SourceFile>& before) {
  std::vector<std::string> paths;
  for (const SourceFile& file : before) paths.push_back(file.path);
  const std::vector<SourceFile> now = stat_files(paths);
  for (size_t i = 0; i < before.size(); ++i)
    check(now[i].untouched(before[i]), "{}: the file changed while it was read; start again when it is complete",
          before[i].path);
}

std::vector<SourceFile> files_read(const std::vector<SourceFile>& before, const std::vector<FileTotals>& totals) {
  check_untouched(before);
  std::vector<SourceFile> done = before;
  for (size_t i = 0; i < before.size(); ++i) {
    done[i].hash = totals[i].hash;
    done[i].documents = totals[i].documents;
    done[i].text_bytes = totals[i].text_bytes;
  }
  return done;
}

std::string source_files_json(const std::vector<SourceFile>& files) {
  nlohmann::json list = nlohmann::json::array();
  for (const SourceFile& f : files)
    list.push_back({{"path", f.path},
                    {"size", f.size},
                    {"inode", f.inode},
                    {"mtime_ns", f.mtime_ns},
                    {"hash", f.hash},
                    {"documents", f.documents},
                    {"text_bytes", f.text_bytes}});
  // A path is bytes, not always UTF-8.
  return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<SourceFile> parse_source_files(std::string_view json) {
  std::vector<SourceFile> files;
  for (const auto& entry : nlohmann::json::parse(json)) {
    SourceFile& f = files.emplace_back();
    entry.at("path").get_to(f.path);
    entry.at("size").get_to(f.size);
    entry.at("inode").get_to(f.inode);
    entry.at("mtime_ns").get_to(f.mtime_ns);
    entry.at("hash").get_to(f.hash);
    entry.at("documents").get_to(f.documents);
    entry.at("text_bytes").get_to(f.text_bytes);
  }
  return files;
}

}  // namespace encore
