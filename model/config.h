// The configuration of an encoder, read from and written to a checkpoint's config.json.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/base/dtype.h"
#include "model/family.h"

namespace encore {

struct EncoderConfig : ConfigFields {
  const Family* family;
  // id2label in order, else label2id, else LABEL_0, ... by num_labels; empty when the file has none of them.
  std::vector<std::string> labels;
  // What is wrong with the labels; "": nothing. Only who uses a classifier need care (classifier_labels).
  std::string labels_problem;
  nlohmann::json source;           // the whole file as read, so that fields unknown to Encore are written back
  std::vector<std::string> notes;  // one line per field that was missing and took the class default

  // All fields as the family's class has them. The family must outlive the configuration.
  explicit EncoderConfig(const Family& f = default_family()) : ConfigFields(f.defaults), family(&f) {}

  int64_t head_size() const { return hidden_size / num_attention_heads; }
  int64_t padded_vocab() const { return (vocab_size + 63) / 64 * 64; }
  // Longest sequence that the position table serves.
  int64_t max_length() const { return max_position_embeddings - first_position(family->positions, pad_token_id); }
};

// Reads DIR/config.json. Throws Error naming file and key: a model_type of no family that is served (model/family.h),
// an activation other than the exact gelu, relative positions, a value of the wrong type or out of range, a hidden size
// that the heads do not divide, heads of a size that is not served. A folder that is something else than a model is
// named for what it is (model/model_folder.h).
EncoderConfig load_config(const std::string& dir);
EncoderConfig load_config_file(const std::string& file);
// The labels of a classifier; LABEL_0 and LABEL_1 when the file has none, as transformers leaves out its defaults when
// it saves. Throws Error naming `file`: one label alone, a faulty id2label.
std::vector<std::string> classifier_labels(const EncoderConfig&, const std::string& file);
EncoderConfig parse_config(const std::string& text, const std::string& file);

// config.json for a checkpoint of the given architecture (one of the family's) whose weights are stored as dtype.
// Fields of `source` that Encore does not know are written as they were read; a classifier's labels are written as
// id2label and label2id.
std::string config_to_json(const EncoderConfig&, const std::string& architecture, DType dtype = DType::kF32);

}  // namespace encore
