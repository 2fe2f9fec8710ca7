#include "apps/train/step_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "apps/train/tfevents.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

AppendFile::AppendFile(std::string path, uint64_t bytes) : path_(std::move(path)), size_(bytes) {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
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

void AppendFile::append(std::string_view bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pwrite(fd_, bytes.data() + done, bytes.size() - done, off_t(size_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail_io("{}: cannot be written: {}", path_, std::strerror(n < 0 ? errno : ENOSPC));
    done += size_t(n);
  }
  size_ += bytes.size();
}

void AppendFile::sync() {
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS)
    fail_io("{}: cannot be written: {}", path_, std::strerror(errno));
}

StepLog::StepLog(const std::string& folder, uint64_t log_bytes, const std::string& events_file, uint64_t events_bytes)
    : log_(folder + "/log.jsonl", log_bytes),
      events_file_(events_file.empty() ? events_file_name(wall_time()) : events_file),
      events_(folder + "/" + events_file_, events_bytes) {
  if (events_.size() == 0) events_.append(tf_record(version_event(wall_time())));
}

void StepLog::write(const nlohmann::ordered_json& line, const std::string& prefix) {
  log_.append(line.dump() + "\n");
  std::vector<std::pair<std::string, double>> scalars;
  for (const auto& [key, value] : line.items())
    if (value.is_number() && key != "step") scalars.emplace_back(prefix + "/" + key, value.get<double>());
  events_.append(tf_record(scalar_event(wall_time(), line.at("step").get<int64_t>(), scalars)));
}

void StepLog::sync() {
  log_.sync();
  events_.sync();
}

}  // namespace encore
