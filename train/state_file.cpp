#include "train/state_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kernels/base/atomic_file.h"
#include "kernels/base/atomic_folder.h"
#include "kernels/base/check.h"
#include "kernels/base/file_checksum.h"
#include "kernels/base/input_file.h"
#include "kernels/base/read_json.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace encore {
namespace {

constexpr int kVersion = 2;  // 1: three fingerprints instead of the digest, and no checksums of the logs
constexpr int64_t kChunk = int64_t(1) << 20;  // floats copied at a time

constexpr const char* kBest = "best.f32";

std::string file_of(const std::string& buffer) {
  return buffer + ".f32";
}

struct Buffer {
  const char* file;
  Tensor tensor;
};

std::vector<Buffer> buffers(const StateBuffers& b) {
  if (!b.params) return {};
  return {{.file = "weights.f32", .tensor = b.params->weights()},
          {.file = "adam_m.f32", .tensor = b.optimizer->m()},
          {.file = "adam_v.f32", .tensor = b.optimizer->v()}};
}

uint32_t crc(uint32_t previous, const void* data, size_t bytes) {
  return uint32_t(::crc32_z(previous, static_cast<const Bytef*>(data), bytes));
}
uint32_t crc(const std::string& text) {
  return crc(0, text.data(), text.size());
}

std::string hex(uint32_t value) {
  return fmt::format("{:08x}", value);
}

json to_json(const FileMark& mark) {
  return {{"bytes", mark.bytes}, {"crc32", hex(mark.crc32.value_or(0))}};
}
FileMark mark_from_json(const json& j) {
  return {.bytes = uint64_t(whole_number(j.at("bytes"))),
          .crc32 = uint32_t(std::stoul(j.at("crc32").get<std::string>(), nullptr, 16))};
}

// JSON has no NaN and no infinity: null stands for "none yet".
json number_or_null(double value) {
  return std::isfinite(value) ? json(value) : json();
}
double number_or(const json& value, double otherwise) {
  return value.is_null() ? otherwise : value.get<double>();
}

json to_json(const RunState& s) {
  json out{{"version", kVersion},
           {"step", s.step},
           {"seconds", s.seconds},
           {"tokens", s.tokens},
           {"flops", s.flops},
           {"last_eval_step", s.last_eval_step},
           {"first_eval_loss", number_or_null(s.first_eval_loss)},
           {"last_eval_loss", number_or_null(s.last_eval_loss)},
           {"best_loss", number_or_null(s.best_loss)},
           {"best_step", s.best_step},
           {"skipped", s.skipped},
           {"skipped_in_row", s.skipped_in_row},
           {"log", to_json(s.log.log)},
           {"events", to_json(s.log.events)},
           {"events_file", s.log.events_file},
           {"digest", s.digest},
           {"files", json::object()}};
  if (!s.progress.is_null()) out["progress"] = s.progress;
  return out;
}

// A state of version 1 has three fingerprints for a digest.
void read_marks_of_version_1(const json& j, RunState& s) {
  s.log.log.bytes = uint64_t(whole_number(j.at("log_bytes")));
  s.log.events.bytes = uint64_t(whole_number(j.at("events_bytes")));
  s.digest = {{kTrainField, j.at("train_fingerprint")},
              {kEvalField, j.at("eval_fingerprint")},
              {kShapeField, j.at("model_fingerprint")}};
}

RunState from_json(const json& j) {
  RunState s;
  s.step = whole_number(j.at("step"));
  s.seconds = j.at("seconds");
  s.tokens = whole_number(j.at("tokens"));
  s.flops = j.at("flops");
  s.last_eval_step = whole_number(j.at("last_eval_step"));
  s.first_eval_loss = number_or(j.at("first_eval_loss"), s.first_eval_loss);
  s.last_eval_loss = number_or(j.at("last_eval_loss"), s.last_eval_loss);
  s.best_loss = number_or(j.at("best_loss"), s.best_loss);
  s.best_step = whole_number(j.at("best_step"));
  // Absent from states that were saved before steps could be skipped.
  s.skipped = whole_number(j.value("skipped", json(0)));
  s.skipped_in_row = whole_number(j.value("skipped_in_row", json(0)));
  s.log.events_file = j.at("events_file");
  if (s.log.events_file.find('/') != std::string::npos)
    throw std::invalid_argument("events_file");  // it is to be cut, and lies in the run folder
  if (whole_number(j.at("version")) == 1) {
    read_marks_of_version_1(j, s);
  } else {
    s.log.log = mark_from_json(j.at("log"));
    s.log.events = mark_from_json(j.at("events"));
    s.digest = j.at("digest").get<RunDigest>();
  }
  s.progress = j.value("progress", json());
  return s;
}

[[noreturn]] void damaged(const std::string& file, const std::string& how) {
  throw DamagedState(fmt::format("{}: {}", file, how));
}

json read_json(const std::string& dir) {
  const std::string file = dir + "/state.json";
  std::ifstream in = open_regular(file);
  if (!in) damaged(file, fmt::format("cannot be read: {}", std::strerror(errno)));
  std::stringstream text;
  text << in.rdbuf();
  json whole;
  try {
    whole = parse_json_object(text.str(), file);
  } catch (const Error&) {
    damaged(file, "is damaged (not a state's JSON)");
  }
  if (!whole.contains("state") || !whole.contains("crc32")) damaged(file, "is damaged (not a state's JSON)");
  if (whole["crc32"] != hex(crc(whole["state"].dump()))) damaged(file, "is damaged (checksum)");
  const json version = whole["state"].value("version", json(0));
  check(version == 1 || version == kVersion, "{}: is of version {}, this program reads 1 and {}", file, version.dump(),
        kVersion);
  return whole["state"];
}

// part(first, floats) gives the address of that part on the host.
template <class Part>
json write_floats(const std::string& path, int64_t count, const Part& part) {
  AtomicFile file(path);
  uint32_t checksum = 0;
  for (int64_t first = 0; first < count; first += kChunk) {
    const int64_t floats = std::min(kChunk, count - first);
    const float* host = part(first, floats);
    checksum = crc(checksum, host, size_t(floats) * sizeof(float));
    file.write(host, size_t(floats) * sizeof(float));
  }
  const uint64_t bytes = file.size();
  file.commit();
  return {{"bytes", bytes}, {"crc32", hex(checksum)}};
}

json write_buffer(const std::string& dir, const Buffer& buffer, Backend& backend) {
  std::vector<float> host(size_t(std::min(kChunk, buffer.tensor.cols)));
  return write_floats(dir + "/" + buffer.file, buffer.tensor.cols, [&](int64_t first, int64_t floats) {
    backend.copy_to_host(host.data(), buffer.tensor.col_range(first, floats).data, size_t(floats) * sizeof(float));
    return host.data();
  });
}

// take(first, host, floats) takes each part in order.
template <class Take>
void read_floats(const std::string& path, int64_t count, const json& expected, const Take& take) {
  std::ifstream in = open_regular(path);
  if (!in) damaged(path, fmt::format("cannot be read: {}", std::strerror(errno)));
  std::error_code error;
  const uint64_t bytes = fs::file_size(path, error), wanted = uint64_t(count) * sizeof(float);
  if (bytes != uint64_t(whole_number(expected.at("bytes"))) || bytes != wanted)
    damaged(path, fmt::format("has {} bytes, not {}", bytes, wanted));
  std::vector<float> host;
  uint32_t checksum = 0;
  for (int64_t first = 0; first < count; first += kChunk) {
    host.resize(size_t(std::min(kChunk, count - first)));
    in.read(reinterpret_cast<char*>(host.data()), std::streamsize(host.size() * sizeof(float)));
    if (!in) damaged(path, "ends early");
    checksum = crc(checksum, host.data(), host.size() * sizeof(float));
    take(first, host);
  }
  if (hex(checksum) != expected.at("crc32").get<std::string>()) damaged(path, "is damaged (checksum)");
}

// The files that state.json lists, with their lengths and checksums.
std::vector<std::pair<std::string, FileChecksum>> expected_files(const std::string& dir) {
  std::vector<std::pair<std::string, FileChecksum>> files;
  const json listed = read_json(dir).at("files");
  for (const auto& [name, sum] : listed.items())
    files.push_back({dir + "/" + name,
                     {.bytes = uint64_t(whole_number(sum.at("bytes"))),
                      .crc32 = uint32_t(std::stoul(sum.at("crc32").get<std::string>(), nullptr, 16))}});
  return files;
}

}  // namespace

void save_state(const std::string& dir, const RunState& state, const StateBuffers& held) {
  AtomicFolder folder(dir);
  json j = to_json(state);
  for (const Buffer& b : buffers(held))
    j["files"][b.file] = write_buffer(folder.temporary_path(), b, held.params->backend());
  if (held.best && !held.best->empty())
    j["files"][kBest] = write_floats(folder.temporary_path() + "/" + kBest, int64_t(held.best->size()),
                                     [&](int64_t first, int64_t) { return held.best->data() + first; });
  for (const auto& [name, values] : held.more)
    j["files"][file_of(name)] =
        write_floats(folder.temporary_path() + "/" + file_of(name), int64_t(values->size()),
                     [&, from = values](int64_t first, int64_t) { return from->data() + first; });
  const json whole = {{"state", j}, {"crc32", hex(crc(j.dump()))}};
  write_file_atomic(folder.temporary_path() + "/state.json", whole.dump(1) + "\n");
  folder.commit();
}

RunState read_state(const std::string& dir) {
  try {
    return from_json(read_json(dir));
  } catch (const json::exception& e) {
    damaged(dir + "/state.json", fmt::format("lacks a field ({})", e.what()));
  } catch (const std::logic_error&) {  // from std::stoul, too
    damaged(dir + "/state.json", "holds a value that no run writes");
  }
}

void load_state(const std::string& dir, const RunState& state, const StateBuffers& held) {
  Backend& backend = held.params->backend();
  try {
    const json files = read_json(dir).at("files");
    for (const Buffer& b : buffers(held)) {
      if (!files.contains(b.file)) damaged(dir + "/state.json", fmt::format("names no {}", b.file));
      read_floats(dir + "/" + b.file, b.tensor.cols, files[b.file], [&](int64_t first, const std::vector<float>& part) {
        backend.copy_to_device(b.tensor.col_range(first, int64_t(part.size())).data, part.data(),
                               part.size() * sizeof(float));
      });
    }
    if (held.best) held.best->clear();
    if (held.best && files.contains(kBest))
      read_floats(dir + "/" + kBest, held.params->length(), files[kBest], [&](int64_t, const std::vector<float>& part) {
        held.best->insert(held.best->end(), part.begin(), part.end());
      });
    for (const auto& [name, values] : held.more) {
      const std::string file = file_of(name);
      if (!files.contains(file)) damaged(dir + "/state.json", fmt::format("names no {}", file));
      read_floats(dir + "/" + file, int64_t(values->size()), files[file],
                  [&, to = values](int64_t first, const std::vector<float>& part) {
                    std::copy(part.begin(), part.end(), to->begin() + first);
                  });
    }
  } catch (const json::exception& e) {
    damaged(dir + "/state.json", fmt::format("lacks a field ({})", e.what()));
  }
  held.params->weights_changed();
  held.optimizer->set_steps(state.step - state.skipped);
}

bool state_looks_whole(const std::string& dir) {
  try {
    std::error_code error;
    for (const auto& [file, sum] : expected_files(dir))
      if (fs::file_size(file, error) != sum.bytes || error) return false;
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

bool state_is_whole(const std::string& dir) {
  try {
    for (const auto& [file, sum] : expected_files(dir))
      if (file_checksum(file) != sum) return false;
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace encore
