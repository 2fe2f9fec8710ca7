#include "train/step_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>

#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/input_file.h"
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

uint32_t crc(uint32_t previous, std::string_view bytes) {
  return uint32_t(::crc32_z(previous, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// Returns the checksum of the bytes up to the mark, behind which the stream then stands.
uint32_t check_mark(std::istream& in, const std::string& path, const FileMark& mark) {
  std::vector<char> part(size_t(1) << 18);
  uint32_t sum = 0;
  uint64_t bytes = 0;
  while (bytes < mark.bytes && in) {
    in.read(part.data(), std::streamsize(std::min<uint64_t>(part.size(), mark.bytes - bytes)));
    sum = crc(sum, {part.data(), size_t(in.gcount())});
    bytes += uint64_t(in.gcount());
  }
  check(bytes == mark.bytes, "{}: has {} bytes, the state was saved when it had {}: it was cut since", path, bytes,
        mark.bytes);
  check(!mark.crc32 || sum == *mark.crc32,
        "{}: its first {} bytes are not those that the state was saved with: it was edited since: put the run's own "
        "file back, or start a new run",
        path, mark.bytes);
  return sum;
}

// Whether a run can have written the line. A power cut leaves zeros.
bool is_line_of_a_run(const std::string& line) {
  if (line.find('\0') != line.npos) return true;
  const nlohmann::json read = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  return read.is_object() && (read.contains("step") || (read.contains("seed") && read.contains("epoch")));
}

// A line that a kill has torn: one without its end, of which only the start can be known.
bool is_torn_line(const std::string& line) {
  constexpr std::string_view kStart = "{\"";
  return line.starts_with(kStart.substr(0, line.size()));
}

void check_lines_behind(std::istream& in, const std::string& path) {
  for (std::string line; std::getline(in, line);)
    check(is_line_of_a_run(line) || (in.eof() && is_torn_line(line)),
          "{}: '{}' is no line of the run, and --resume cuts off what follows its state: move it to another file", path,
          line.substr(0, 60));
}

}  // namespace

void check_logs(const std::string& folder, const LogMarks& marks) {
  const std::string path = folder + "/log.jsonl";
  std::ifstream log = open_regular(path);
  check_mark(log, path, marks.log);
  check_lines_behind(log, path);
  if (marks.events_file.empty()) return;
  const std::string events = folder + "/" + marks.events_file;
  std::ifstream in = open_regular(events);
  check_mark(in, events, marks.events);
}

AppendFile::AppendFile(std::string path, const FileMark& mark) : path_(std::move(path)), size_(mark.bytes) {
  if (size_ == 0) return;
  std::ifstream in = open_regular(path_);
  crc_ = check_mark(in, path_, mark);
  open();
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) ::close(fd_);
}

void AppendFile::append(std::string_view bytes) {
  waiting_ += bytes;
  crc_ = crc(crc_, bytes);
}

// Cuts the file to the bytes that count.
void AppendFile::open() {
  const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) fail_io("{}: cannot be opened: {}", path_, std::strerror(errno));
  if (::ftruncate(fd, off_t(size_)) != 0) {
    const int error = errno;
    ::close(fd);
    fail_io("{}: cannot be cut: {}", path_, std::strerror(error));
  }
  fd_ = fd;
}

void AppendFile::flush() {
  if (fd_ < 0) open();
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
  if (fd_ < 0) return flush();
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

StepLog::StepLog(const std::string& folder, const LogMarks& marks)
    : log_(folder + "/log.jsonl", marks.log),
      events_file_(marks.events_file.empty() ? events_file_name(wall_time()) : marks.events_file),
      events_(folder + "/" + events_file_, marks.events) {
  if (marks.events.bytes == 0) events_.append(tf_record(version_event(wall_time())));
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
