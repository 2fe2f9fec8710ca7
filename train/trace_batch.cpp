#include "train/trace_batch.h"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kernels/base/check.h"
#include "kernels/base/read_json.h"

namespace encore {
namespace {

using Json = nlohmann::json;

constexpr int32_t kIgnored = -100;

Json parse_file(const std::string& path) {
  std::ifstream in(path);
  check(bool(in), "{}: cannot be read; --batch needs a JSON file with input_ids and labels", path);
  std::stringstream text;
  text << in.rdbuf();
  check(in.good() || in.eof(), "{}: cannot be read", path);
  return parse_json_object(text.str(), path);
}

std::vector<int32_t> integers(const Json& list, const std::string& where) {
  check(list.is_array(), "{}: a list of integers is needed, not {}", where, list.type_name());
  std::vector<int32_t> values;
  values.reserve(list.size());
  for (const Json& item : list) {
    const bool in_range =
        item.is_number_integer() &&
        (!item.is_number_unsigned() || item.get<uint64_t>() <= uint64_t(std::numeric_limits<int32_t>::max())) &&
        item.get<int64_t>() >= std::numeric_limits<int32_t>::min();
    check(in_range, "{}[{}]: {} is not an id", where, values.size(), item.dump());
    values.push_back(item.get<int32_t>());
  }
  return values;
}

// The lists of `key`, concatenated. There must be one for each sequence, of its length.
std::vector<int32_t> ragged(const Json& file, const std::string& path, const char* key, const PackedBatch& batch) {
  const Json& lists = file.at(key);
  check(lists.is_array() && int64_t(lists.size()) == batch.sequences(), "{}: {} must hold {} lists, as input_ids does",
        path, key, batch.sequences());
  std::vector<int32_t> all;
  for (size_t n = 0; n < lists.size(); ++n) {
    const std::string where = fmt::format("{}: {}[{}]", path, key, n);
    const std::vector<int32_t> values = integers(lists[n], where);
    const int64_t length = int64_t(batch.cu_seqlens[n + 1]) - batch.cu_seqlens[n];
    check(int64_t(values.size()) == length, "{} has {} entries; input_ids[{}] has {}", where, values.size(), n, length);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

void read_ids(const Json& file, const std::string& path, PackedBatch& batch) {
  check(file.contains("input_ids"), "{}: has no input_ids", path);
  const Json& lists = file.at("input_ids");
  check(lists.is_array() && !lists.empty(), "{}: input_ids must be a list of lists of ids", path);
  batch.cu_seqlens = {0};
  for (size_t n = 0; n < lists.size(); ++n) {
    const std::vector<int32_t> ids = integers(lists[n], fmt::format("{}: input_ids[{}]", path, n));
    check(!ids.empty(), "{}: input_ids[{}] is empty", path, n);
    batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
    batch.cu_seqlens.push_back(int32_t(batch.ids.size()));
    batch.example_keys.push_back(n);
  }
}

void read_targets(const Json& file, const std::string& path, PackedBatch& batch) {
  const std::vector<int32_t> labels = ragged(file, path, "labels", batch);
  for (size_t row = 0; row < labels.size(); ++row) {
    if (labels[row] == kIgnored) continue;
    check(labels[row] >= 0, "{}: labels holds {}; a label is an id, or {} to ignore the token", path, labels[row],
          kIgnored);
    batch.target_rows.push_back(int32_t(row));
    batch.target_labels.push_back(labels[row]);
  }
  check(!batch.target_rows.empty(), "{}: labels marks no token; at least one must not be {}", path, kIgnored);
}

}  // namespace

PackedBatch read_trace_batch(const std::string& path) {
  const Json file = parse_file(path);
  PackedBatch batch;
  read_ids(file, path, batch);
  check(file.contains("labels") != file.contains("class_labels"), "{}: needs either labels or class_labels", path);
  if (file.contains("labels")) {
    read_targets(file, path, batch);
  } else {
    batch.class_labels = integers(file.at("class_labels"), path + ": class_labels");
    check(int64_t(batch.class_labels.size()) == batch.sequences(), "{}: class_labels has {} entries for {} sequences",
          path, batch.class_labels.size(), batch.sequences());
    for (const int32_t label : batch.class_labels)
      check(label >= 0, "{}: class_labels holds {}; a label is 0 or more", path, label);
  }
  if (file.contains("token_type_ids")) batch.type_ids = ragged(file, path, "token_type_ids", batch);
  batch.finish();
  return batch;
}

}  // namespace encore
