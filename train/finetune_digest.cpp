#include "train/finetune_digest.h"

#include <string>
#include <utility>
#include <vector>

#include "data/readers/corpus_reader.h"
#include "kernels/base/hash.h"
#include "kernels/base/path_text.h"
#include "train/rank_checks.h"

namespace encore {
namespace {

uint64_t fingerprint_of(const ClassificationSet& set, uint64_t seed) {
  Hasher hash(seed);
  hash.add(set.tokens.data(), set.tokens.size() * sizeof(set.tokens[0]));
  hash.add(set.offset.data(), set.offset.size() * sizeof(set.offset[0]));
  hash.add(set.label.data(), set.label.size() * sizeof(set.label[0]));
  return hash.digest();
}

}  // namespace

nlohmann::json config_in_force(const FinetuneSpec& spec, DType dtype) {
  nlohmann::json config = spec.output.config;
  config["dtype"] = std::string(name_of(dtype));
  config["seq-length"] = spec.rows.max_length;
  const std::pair<const char*, const std::string&> files[] = {
      {"train", spec.rows.train}, {"dev", spec.rows.dev}, {"test", spec.rows.test}};
  for (const auto& [key, file] : files)
    if (!file.empty()) config[key] = absolute_path_text(file);  // of a stream its copy, which a resumed run reads
  return config;
}

RunDigest digest_of_flags(const FinetuneSpec& spec, DType dtype, const Tokenizer& tokenizer) {
  RunDigest digest{{kTokenizerField, digest_text(tokenizer.fingerprint())}};
  add_flags(digest, config_in_force(spec, dtype), spec.output.fixed_on_resume);
  add_model(digest, spec.model);
  return digest;
}

RunDigest digest_of_rows(const LabelledData& data, const Tokenizer& tokenizer) {
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  return {{kTrainField, digest_text(fingerprint_of(data.train, tokenizer.fingerprint()))},
          {kEvalField, digest_text(fingerprint_of(data.test, fingerprint_of(data.dev, 0)))},
          {"labels", nlohmann::json(data.labels.names()).dump(-1, ' ', false, kReplace)}};
}

void check_files_of_ranks(const FinetuneSpec& spec, DType dtype, Communicator& comm) {
  if (comm.size() == 1) return;
  const auto files = [&](const std::string& pattern) {
    return pattern.empty() ? std::vector<std::string>() : resolve_files({pattern}, "", spec.rows.fields.text_field);
  };
  std::vector<std::string> scored = files(spec.rows.dev);
  scored.emplace_back();  // marks where the rows of --test begin
  for (const std::string& file : files(spec.rows.test)) scored.push_back(file);
  check_rank_files({.dtype = dtype, .model_dir = spec.model_dir, .train = files(spec.rows.train), .eval = scored},
                   comm);
}

}  // namespace encore
