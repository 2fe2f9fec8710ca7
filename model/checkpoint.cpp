#include "model/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <utility>

#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "model/checksums.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "model/stored_head.h"
#include "model/tensor_names.h"
#include "model/tensor_source.h"

namespace encore {
namespace {

struct Candidate {
  std::string stored;
  const TensorSource::Located* located;
};

bool same_values(const TensorEntry& a, const TensorEntry& b, const std::string& name) {
  if (a.shape != b.shape) return false;
  if (a.dtype == b.dtype) return a.bytes == 0 || std::memcmp(a.data, b.data, a.bytes) == 0;
  return to_f32(a, name) == to_f32(b, name);
}

// Which field of config.json decides the shape of a parameter.
std::string deciding_field(const std::string& name, const EncoderConfig& c) {
  const Family& f = *c.family;
  if (name == f.embeddings.word || name == f.mlm_head.bias) return fmt::format("vocab_size {}", c.vocab_size);
  if (name == f.embeddings.position) return fmt::format("max_position_embeddings {}", c.max_position_embeddings);
  if (name == f.embeddings.token_type) return fmt::format("type_vocab_size {}", c.type_vocab_size);
  if (name.starts_with(f.classifier.output)) return "the number of labels";
  if (name.find(".intermediate.") != name.npos || name.ends_with(".output.dense.weight"))
    return fmt::format("hidden_size {}, intermediate_size {}", c.hidden_size, c.intermediate_size);
  return fmt::format("hidden_size {}", c.hidden_size);
}

std::string classifier_weight(const Family& family) {
  return fmt::format("{}.weight", family.classifier.output);
}

class Loader {
 public:
  Loader(const std::string& dir, ParamStore& store, const EncoderConfig& config, uint64_t seed,
         const std::vector<std::string>* row_labels)
      : source_(open_tensors(dir)),
        store_(store),
        config_(config),
        family_(*config.family),
        seed_(seed),
        row_labels_(row_labels) {
    report_.file = source_.file;
  }

  // Of a file that was cut while it was read, the cut is the error, and not what the zeros in it look like.
  LoadReport run() {
    try {
      match();
      check_encoder();
      describe_unread();
      row_labels_ ? match_head() : check_head();
      for (size_t i = 0; i < store_.parameters().size(); ++i) fill(int(i));
    } catch (const Error&) {
      source_.check_whole();
      throw;
    }
    source_.check_whole();
    store_.weights_changed();
    report_.mlm_head_fresh = std::any_of(report_.fresh.begin(), report_.fresh.end(),
                                         [this](const std::string& name) { return is_of_mlm_head(family_, name); });
    std::sort(report_.ignored.begin(), report_.ignored.end());
    return std::move(report_);
  }

 private:
  void ignore(const std::string& stored, const std::string& reason) {
    report_.ignored.push_back(fmt::format("{} ({})", in_quotes(stored), reason));
  }

  // Finds the parameter that each stored tensor fills. Tied copies come second: if the parameter itself is stored, a
  // copy is only compared with it.
  void match() {
    std::vector<std::string> names;
    for (const auto& [stored, located] : source_.tensors) names.push_back(stored);
    const std::string outer = outer_name(family_, names);
    for (const bool tied : {false, true})
      for (const auto& [stored, located] : source_.tensors) {
        const TensorName name = tensor_name(family_, stored, outer);
        if (name.tied != tied) continue;
        if (store_.find(name.name) < 0) {
          if (is_of_other_task(family_, name.name)) other_head_ = stored;
          if (is_of_encoder(family_, name.name)) unread_.push_back(stored);
          ignore(stored, why_unused(family_, name.name));
        } else
          offer(name, stored, located);
      }
  }

  void offer(const TensorName& name, const std::string& stored, const TensorSource::Located& located) {
    const auto [it, added] = chosen_.emplace(name.name, Candidate{.stored = stored, .located = &located});
    if (added) return;
    const Candidate& first = it->second;
    const bool has_decoder = store_.find(family_.mlm_head.bias) >= 0;
    if (name.tied && !has_decoder) return ignore(stored, why_unused(family_, stored));
    check(same_values(first.located->entry, located.entry, stored), "{}: tensor {} differs from {}, and {}",
          located.file, in_quotes(stored), in_quotes(first.stored),
          name.tied ? "a decoder of its own is not served: the output is tied to the embedding"
                    : "both name the same parameter");
    ignore(stored, "a copy of " + first.stored);
  }

  void check_encoder() const {
    std::vector<const Parameter*> missing;
    size_t encoder = 0;
    for (const Parameter& p : store_.parameters()) {
      if (!p.name.starts_with(family_.prefix)) continue;
      ++encoder;
      if (!chosen_.contains(p.name)) missing.push_back(&p);
    }
    if (missing.empty()) return;
    if (missing.size() == encoder) {
      const std::string first = source_.tensors.empty() ? "none" : in_quotes(source_.tensors.begin()->first);
      std::string other;
      for (const auto& [stored, located] : source_.tensors)
        if (const std::string_view title = unserved_title(stored); !title.empty())
          other = fmt::format("; it is {}, which is not served", title);
      fail("{}: no tensor of a {} encoder in it (the first is {}){}", source_.file, family_.title, first, other);
    }
    fail("{}: tensor {} is missing{}; config.json tells of {} layers", source_.file, in_quotes(missing[0]->name),
         missing.size() > 1 ? fmt::format(" (and {} more of the encoder)", missing.size() - 1) : "",
         config_.num_hidden_layers);
  }

  void describe_unread() {
    if (unread_.empty()) return;
    report_.notes.push_back(
        fmt::format("{}: tensors of the encoder are not used ({}, {} in all): the model is taken as {} layers without "
                    "adapters, and may have been trained as another",
                    source_.file, in_quotes(unread_.front()), unread_.size(), config_.num_hidden_layers));
  }

  // A stored classification head fits only the loss that it was trained with.
  void check_head() const {
    if (!chosen_.contains(classifier_weight(family_)) || !config_.source.is_object()) return;
    const auto it = config_.source.find("problem_type");
    if (it == config_.source.end() || it->is_null()) return;
    check(*it == "single_label_classification",
          "{}: config.json says problem_type {}: only single_label_classification is served", source_.file,
          it->dump(-1, ' ', true));
  }

  // Drops a stored head that does not fit the labels of the rows.
  void match_head() {
    std::vector<std::string> of_head;
    for (const auto& [name, candidate] : chosen_)
      if (is_of_classifier(family_, name)) of_head.push_back(name);
    if (of_head.empty() && other_head_.empty()) return;
    std::string reason = fmt::format("tensor {} is the head of another task", in_quotes(other_head_));
    if (const auto it = chosen_.find(classifier_weight(family_)); it != chosen_.end()) {
      const TensorEntry& weight = it->second.located->entry;
      const StoredHead head = match_labels(config_, weight.shape.empty() ? 0 : weight.shape[0], *row_labels_);
      head_rows_ = head.rows;
      reason = head.reason;
    } else if (!of_head.empty()) {
      reason = fmt::format("{} is not in the file", classifier_weight(family_));
    }
    if (reason.empty()) return;
    for (const std::string& name : of_head) {
      ignore(chosen_.at(name).stored, "of a head that is not used");
      chosen_.erase(name);
    }
    report_.notes.push_back(
        fmt::format("{}: the stored head is not used, a fresh one is trained: {}", source_.file, reason));
  }

  // The values of the head's last layer, stored row by row in the order of the stored labels, in the model's order.
  void reorder(std::vector<float>& values) const {
    const size_t width = values.size() / head_rows_.size();
    std::vector<float> stored;
    stored.swap(values);
    for (const size_t row : head_rows_)
      values.insert(values.end(), stored.begin() + std::ptrdiff_t(row * width),
                    stored.begin() + std::ptrdiff_t((row + 1) * width));
  }

  void fill(int index) {
    const Parameter& p = store_.parameters()[size_t(index)];
    const auto it = chosen_.find(p.name);
    if (it == chosen_.end()) {
      store_.initialise(index, seed_, config_.initializer_range);
      report_.fresh.push_back(p.name);
      return;
    }
    const auto& [stored, located] = it->second;
    check(located->entry.shape == p.shape, "{}: tensor {} is {} and config.json asks for {} ({})", located->file,
          in_quotes(stored), shape_string(located->entry.shape), shape_string(p.shape),
          deciding_field(p.name, config_));
    std::vector<float> values;
    try {
      values = to_f32(located->entry, stored);
    } catch (const Error& e) {
      fail("{}: {}", located->file, e.what());
    }
    if (!head_rows_.empty() && p.name.starts_with(family_.classifier.output)) reorder(values);
    const auto odd = std::count_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
    if (odd > 0)
      report_.notes.push_back(
          fmt::format("{}: tensor {} holds {} values that are not finite", located->file, in_quotes(stored), odd));
    store_.write(index, values.data());
    report_.used.push_back(stored);
  }

  TensorSource source_;
  ParamStore& store_;
  const EncoderConfig& config_;
  const Family& family_;
  uint64_t seed_;
  const std::vector<std::string>* row_labels_;
  std::map<std::string, Candidate> chosen_;  // by parameter
  std::string other_head_;                   // a stored tensor of another task's head
  std::vector<std::string> unread_;          // stored tensors of the encoder that are no parameters
  std::vector<size_t> head_rows_;            // for each class, its row in the file; empty: as stored
  LoadReport report_;
};

}  // namespace

std::string LoadReport::summary() const {
  std::string line = fmt::format("{}: {} tensors used, {} ignored, {} parameters freshly initialised", file,
                                 used.size(), ignored.size(), fresh.size());
  if (!fresh.empty()) line += fmt::format(" ({})", fmt::join(fresh, ", "));
  return line;
}

LoadReport load_weights(const std::string& dir, ParamStore& store, const EncoderConfig& config, uint64_t seed,
                        const std::vector<std::string>* row_labels) {
  check_checksums(dir);
  return Loader(dir, store, config, seed, row_labels).run();
}

void save_model(const std::string& dir, const Model& model, DType dtype) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) fail_io("{}: cannot make the folder: {}", dir, error.message());
  const ParamStore& store = model.params();
  EncoderConfig config = model.config();
  if (const int head = store.find(classifier_weight(*config.family)); head >= 0) {
    const size_t count = size_t(store.parameters()[size_t(head)].rows());
    check(config.labels.empty() || config.labels.size() == count, "{}: {} labels for a classifier of {} classes", dir,
          config.labels.size(), count);
    for (size_t i = config.labels.size(); i < count; ++i) config.labels.push_back(fmt::format("LABEL_{}", i));
  }
  std::vector<TensorToWrite> tensors;
  for (size_t i = 0; i < store.parameters().size(); ++i) {
    const Parameter& p = store.parameters()[i];
    tensors.push_back({.name = p.name, .shape = p.shape, .values = [&store, i] { return store.read(int(i)); }});
  }
  write_safetensors(dir + "/model.safetensors", tensors, dtype);
  write_file_atomic(dir + "/config.json", config_to_json(config, model.architecture(), dtype));
}

}  // namespace encore
