// log.jsonl and the TensorBoard file of a run, appended to together and cut back together when a run resumes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace encore {

// A file that is only appended to, with every write checked.
class AppendFile {
 public:
  // Opens or creates the file and truncates it to `bytes`. Throws IoError; Error when the file is shorter than that.
  AppendFile(std::string path, uint64_t bytes);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  // Bytes that could not be written are kept, and the next flush writes them first.
  void append(std::string_view bytes) { waiting_ += bytes; }
  void flush();  // to the system; throws IoError
  void sync();   // to the disk; throws IoError
  uint64_t size() const { return size_ + waiting_.size(); }
  // Recreates a removed file with its bytes, read through the open descriptor. Throws IoError.
  void restore();

 private:
  std::string path_, waiting_;
  uint64_t size_ = 0;  // in the file
  int fd_ = -1;
};

class StepLog {
 public:
  // Continues log.jsonl at log_bytes and the events file at events_bytes; both 0 and no name: a new run.
  StepLog(const std::string& folder, uint64_t log_bytes, const std::string& events_file, uint64_t events_bytes);

  // Writes a line of log.jsonl, and its numbers to TensorBoard under the tags of Hugging Face's Trainer: "eval_loss" as
  // "eval/loss", "lr" as "train/learning_rate", every other key as "train/<key>".
  // REQUIRES: line holds "step". Throws IoError; the line is then kept and written with the next one.
  void write(const nlohmann::ordered_json& line);
  // The same, with other numbers for TensorBoard. group: stands before the tags, "seed 3/".
  void write(const nlohmann::ordered_json& line, const nlohmann::ordered_json& scalars, const std::string& group,
             int64_t step);
  // Writes to TensorBoard alone.
  void write_event(const nlohmann::ordered_json& scalars, const std::string& group, int64_t step);
  void sync();
  void restore();  // AppendFile::restore of both files

  uint64_t log_bytes() const { return log_.size(); }
  const std::string& events_file() const { return events_file_; }
  uint64_t events_bytes() const { return events_.size(); }

 private:
  void append_event(const nlohmann::ordered_json& scalars, const std::string& group, int64_t step);

  AppendFile log_;
  std::string events_file_;
  AppendFile events_;
};

}  // namespace encore
