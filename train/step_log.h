// log.jsonl and the TensorBoard file of a run, appended to together and cut back together when a run resumes.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace encore {

// How far a file had been written when a state was saved.
struct FileMark {
  uint64_t bytes = 0;
  std::optional<uint32_t> crc32;  // of these bytes; absent: a state of version 1
};
struct LogMarks {
  FileMark log;
  std::string events_file;  // name of the TensorBoard file; empty: none yet
  FileMark events;
};

// Throws Error when log.jsonl or the TensorBoard file of a run folder is not what it was when the marks were made, or
// when log.jsonl holds lines behind its mark that no run wrote: resuming cuts them off.
void check_logs(const std::string& folder, const LogMarks&);

// A file that is only appended to, with every write checked.
class AppendFile {
 public:
  // Continues the file at the mark, where it is cut. A file that starts anew is opened or created by the first flush
  // that succeeds, so that a run can begin while it cannot be created. Throws IoError; Error when the file is shorter
  // than the mark.
  AppendFile(std::string path, const FileMark&);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  // Bytes that could not be written are kept, and the next flush writes them first.
  void append(std::string_view bytes);
  void flush();                                                                        // to the system; throws IoError
  void sync();                                                                         // to the disk; throws IoError
  FileMark mark() const { return {.bytes = size_ + waiting_.size(), .crc32 = crc_}; }  // with the bytes that wait
  // Recreates a removed file with its bytes, read through the open descriptor. Throws IoError.
  void restore();

 private:
  void open();
  std::string path_, waiting_;
  uint64_t size_ = 0;  // in the file
  uint32_t crc_ = 0;   // of the file and of the bytes that wait
  int fd_ = -1;
};

class StepLog {
 public:
  // Continues both files at the marks; without marks they start anew. Nothing is written before the first flush.
  explicit StepLog(const std::string& folder, const LogMarks& = {});

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

  LogMarks marks() const { return {.log = log_.mark(), .events_file = events_file_, .events = events_.mark()}; }

 private:
  void append_event(const nlohmann::ordered_json& scalars, const std::string& group, int64_t step);

  AppendFile log_;
  std::string events_file_;
  AppendFile events_;
};

}  // namespace encore
