#include "train/step_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>

#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "train/tfevents.h"

namespace encore {
namespace {

// The tag that Hugging Face's Trainer gives to a value (rewrite_logs of its integrations): "eval/loss",
// "train/learning_rate".
std::string trainer_tag(std::string_view key) {
  constexpr std::string_view kEval = "eval_";
  if (key.starts_with(kEval)) return fmt::format("eval/{}", key.substr(kEval.size()));
  return fmt::format("train/{}", key == "lr" ? "learning_rate" : key);
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

AppendFile::AppendFile(std::string path, uint64_t bytes) : path_(std::move(path)), size_(bytes) {
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_io("{}: cannot be opened: {}", path_, std::strerror(errno));
  struct stat info {};
  if (::fstat(fd_, &info) != 0) fail_io("{}: {}", path_, std::strerror(errno));
  check(uint64_t(info.st_size) >= bytes, "{}: has {} bytes, the state was saved when it had {}: it was cut since",
        path_, info.st_size, bytes);
  if (::ftruncate(fd_, off_t(bytes)) != 0) fail_io("{}: cannot be cut: {}", path_, std::strerror(errno));
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) ::close(fd_);
}

void AppendFile::flush() {
  while (!waiting_.empty()) {
    const ssize_t n = ::pwrite(fd_, waiting_.data(), waiting_.size(), off_t(size_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail_io("{}: cannot be written: {}", path_, std::strerror(n < 0 ? errno : ENOSPC));
    size_ += uint64_t(n);
    waiting_.erase(0, size_t(n));
  }
}

void AppendFile::sync() {
  flush();
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS)
    fail_io("{}: cannot be written: {}", path_, std::strerror(errno));
}

void AppendFile::restore() {
  AtomicFile copy(path_);
  std::vector<char> part(size_t(1) << 20);
  for (uint64_t done = 0; done < size_;) {
    const ssize_t n = ::pread(fd_, part.data(), std::min<uint64_t>(part.size(), size_ - done), off_t(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail_io("{}: was removed and cannot be read any more: {}", path_, std::strerror(n < 0 ? errno : EIO));
    copy.write(part.data(), size_t(n));
    done += uint64_t(n);
  }
  copy.commit();
  const int fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) fail_io("{}: cannot be opened: {}", path_, std::strerror(errno));
  ::close(fd_);
  fd_ = fd;
}

StepLog::StepLog(const std::string& folder, uint64_t log_bytes, const std::string& events_file, uint64_t events_bytes)
    : log_(folder + "/log.jsonl", log_bytes),
      events_file_(events_file.empty() ? events_file_name(wall_time()) : events_file),
      events_(folder + "/" + events_file_, events_bytes) {
  if (events_.size() == 0) events_.append(tf_record(version_event(wall_time())));
  events_.flush();
}

void StepLog::write(const nlohmann::ordered_json& line) {
  write(line, line, "", line.at("step").get<int64_t>());
}

void StepLog::write(const nlohmann::ordered_json& line, const nlohmann::ordered_json& scalars, const std::string& group,
                    int64_t step) {
  log_.append(line.dump() + "\n");
  append_event(scalars, group, step);
  log_.flush();
  events_.flush();
}

void StepLog::write_event(const nlohmann::ordered_json& scalars, const std::string& group, int64_t step) {
  append_event(scalars, group, step);
  events_.flush();
}

void StepLog::append_event(const nlohmann::ordered_json& scalars, const std::string& group, int64_t step) {
  std::vector<std::pair<std::string, double>> tagged;
  for (const auto& [key, value] : scalars.items())
    if (value.is_number() && key != "step" && std::isfinite(value.get<double>()))
      tagged.emplace_back(group + trainer_tag(key), value.get<double>());
  events_.append(tf_record(scalar_event(wall_time(), step, tagged)));
}

void StepLog::sync() {
  log_.sync();
  events_.sync();
}

void StepLog::restore() {
  log_.restore();
  events_.restore();
}

}  // namespace encore
