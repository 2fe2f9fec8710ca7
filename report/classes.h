// The classes of a fine-tuning: precision, recall, F1 and support of each, and which are taken for which.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace encore {

// The sections of the page, from the results.json of a run; split: "dev" or "test". Scores are means over the seeds,
// counts are sums over them. "" for results without a confusion matrix, as older ones are. Throws Error naming `file`
// for counts that do not fit the labels.
std::string classes_sections(const nlohmann::json& results, const char* split, const std::string& file);

}  // namespace encore
