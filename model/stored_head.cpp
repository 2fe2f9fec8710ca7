#include "model/stored_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "kernels/base/in_quotes.h"
#include "kernels/base/read_json.h"

namespace encore {
namespace {

constexpr std::string_view kGeneric = "LABEL_";

bool is_generic(const std::string& label) {
  return label.starts_with(kGeneric) && label.size() > kGeneric.size() &&
         label.find_first_not_of("0123456789", kGeneric.size()) == label.npos;
}

// "LABEL_3" is the label 3.
std::string without_generic_start(const std::string& label) {
  return is_generic(label) ? label.substr(kGeneric.size()) : label;
}

std::string listed(const std::vector<std::string>& labels) {
  constexpr size_t kMost = 6;
  std::string text;
  for (size_t i = 0; i < labels.size() && i < kMost; ++i) text += (i ? ", " : "") + in_quotes(labels[i], 40);
  return labels.size() > kMost ? text + ", ..." : text;
}

// What the head was trained for, if that is not one label of several.
std::string other_problem(const EncoderConfig& c) {
  if (!c.source.is_object()) return "";
  const auto it = c.source.find("problem_type");
  if (it == c.source.end() || it->is_null() || *it == "single_label_classification") return "";
  return fmt::format("config.json says problem_type {}", shown_json(*it));
}

}  // namespace

StoredHead match_labels(const EncoderConfig& c, int64_t stored_rows, const std::vector<std::string>& row_labels) {
  StoredHead head;
  const auto not_used = [&](std::string reason) { return StoredHead{.reason = std::move(reason)}; };
  if (std::string other = other_problem(c); !other.empty()) return not_used(std::move(other));
  if (!c.labels_problem.empty()) return not_used(c.labels_problem);
  std::vector<std::string> labels = c.labels;
  if (labels.empty())
    for (int64_t i = 0; i < stored_rows; ++i) labels.push_back(fmt::format("LABEL_{}", i));
  if (stored_rows == 1) return not_used("it has one output, of a regression");
  if (int64_t(labels.size()) != stored_rows)
    return not_used(fmt::format("it has {} rows and config.json {} labels", stored_rows, labels.size()));
  const std::string both =
      fmt::format("its labels are {}, those of the training rows {}", listed(labels), listed(row_labels));
  if (labels.size() != row_labels.size()) return not_used(both);
  const bool generic = std::all_of(labels.begin(), labels.end(), is_generic);
  const auto key = [&](const std::string& label) { return generic ? without_generic_start(label) : label; };
  std::map<std::string, size_t> row_of;
  for (size_t i = 0; i < labels.size(); ++i) row_of[key(labels[i])] = i;
  for (const std::string& label : row_labels) {
    const auto row = row_of.extract(key(label));  // each row serves one label
    if (row.empty()) return not_used(both);
    head.rows.push_back(row.mapped());
  }
  return head;
}

}  // namespace encore
