// The topics of a VAMPIRE model: their words, and how well these go together in a text.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/vampire/vampire_text.h"

namespace encore {

inline constexpr const char* kTopicsFile = "topics.json";         // in the run folder
inline constexpr int64_t kListedWords = 20, kComparedWords = 10;  // of a topic: of these NPMI is taken

struct Topic {
  double npmi_standard = 0, npmi_vampire = 0;
  std::vector<std::string> words;  // kListedWords, or fewer of a small vocabulary, by falling weight
};

struct Topics {
  double npmi_standard = 0, npmi_vampire = 0;  // of all topics (data/select/bags/npmi.h)
  std::vector<Topic> topics;
};

// The kListedWords words of each topic of the largest weight, falling. weights: VampireModel::topics().
std::vector<std::vector<std::string>> words_of_topics(const std::vector<float>& weights, int64_t topics,
                                                      const BagVocabulary&);

// weights: VampireModel::topics(). dev: the reference corpus.
Topics topics_of(const std::vector<float>& weights, int64_t topics, const BagVocabulary&, const DocumentSet& dev,
                 int threads);

// The content of topics.json: {"npmi_standard", "npmi_vampire", "topics": [{"topic": from 0, "npmi_standard",
// "npmi_vampire", "words"}]}.
nlohmann::ordered_json to_json(const Topics&);
// Throws Error naming the file.
Topics topics_from_json(const nlohmann::json&, const std::string& file);

// A line a topic, the best first: number, NPMI (standard), the first kComparedWords words.
std::string to_text(const Topics&);

}  // namespace encore
