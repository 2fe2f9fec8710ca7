// All that decides the numbers of a run, field by field: flags, the model's config.json, weights, tokenizer, text.
//
// A state carries the digest of its run, and a run that resumes compares it with its own. The ranks of a run compare
// theirs (train/rank_checks.h).
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/param_store.h"

namespace encore {

// {field: value}, both as a user reads them: {"--lr": "0.001", "layer_norm_eps of config.json": "1e-05", ...}.
using RunDigest = std::map<std::string, std::string>;

// Names of fields that several parts fill in.
inline constexpr const char* kTrainField = "training data";
inline constexpr const char* kEvalField = "evaluation data";
inline constexpr const char* kShapeField = "shape of the parameters";
inline constexpr const char* kWeightsField = "weights of --model";
inline constexpr const char* kTokenizerField = "tokenizer";

// "0123456789abcdef".
std::string digest_text(uint64_t hash);

// The values of these flags in a config.json; a flag that it lacks is left out.
void add_flags(RunDigest&, const nlohmann::json& config, const std::vector<std::string>& flags);
// The fields of config.json that change a number, as they are in force.
void add_model(RunDigest&, const EncoderConfig&);
// Hash of all values, in the order of the store.
uint64_t weights_digest(const ParamStore&);
// Hash of the names, offsets and sizes of all parameters.
uint64_t layout_fingerprint(const ParamStore&);

// The fields that both have with different values: "--lr 0.001 (THEIRS has 0.002), ...", at most four of them. Empty:
// none.
std::string differences(const RunDigest& ours, const RunDigest& theirs, const std::string& whose);

}  // namespace encore
