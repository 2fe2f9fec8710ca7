#include "train/vampire/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "kernels/base/check.h"

namespace encore {

std::vector<std::vector<std::string>> words_of_topics(const std::vector<float>& weights, int64_t topics,
                                                      const BagVocabulary& vocabulary) {
  std::vector<std::vector<std::string>> words;
  for (const std::vector<int32_t>& listed : top_words(weights, topics, kListedWords)) {
    std::vector<std::string>& of_topic = words.emplace_back();
    for (const int32_t column : listed) of_topic.push_back(vocabulary.word(column));
  }
  return words;
}

Topics topics_of(const std::vector<float>& weights, int64_t count, const BagVocabulary& vocabulary,
                 const DocumentSet& dev, int threads) {
  const std::vector<std::vector<int32_t>> listed = top_words(weights, count, kListedWords);
  std::vector<std::vector<int32_t>> compared = listed;
  for (std::vector<int32_t>& words : compared) words.resize(std::min(words.size(), size_t(kComparedWords)));
  const Npmi npmi = npmi_of(dev.pair_counts(compared, threads));
  Topics out{.npmi_standard = npmi.standard, .npmi_vampire = npmi.vampire};
  for (size_t t = 0; t < listed.size(); ++t) {
    Topic topic{.npmi_standard = npmi.topics[t].standard, .npmi_vampire = npmi.topics[t].vampire};
    for (const int32_t column : listed[t]) topic.words.push_back(vocabulary.word(column));
    out.topics.push_back(std::move(topic));
  }
  return out;
}

nlohmann::ordered_json to_json(const Topics& topics) {
  nlohmann::ordered_json out{{"npmi_standard", topics.npmi_standard}, {"npmi_vampire", topics.npmi_vampire}};
  out["topics"] = nlohmann::ordered_json::array();
  for (size_t t = 0; t < topics.topics.size(); ++t) {
    const Topic& topic = topics.topics[t];
    out["topics"].push_back({{"topic", t},
                             {"npmi_standard", topic.npmi_standard},
                             {"npmi_vampire", topic.npmi_vampire},
                             {"words", topic.words}});
  }
  return out;
}

Topics topics_from_json(const nlohmann::json& json, const std::string& file) {
  try {
    Topics out{.npmi_standard = json.at("npmi_standard"), .npmi_vampire = json.at("npmi_vampire")};
    for (const auto& topic : json.at("topics"))
      out.topics.push_back({.npmi_standard = topic.at("npmi_standard"),
                            .npmi_vampire = topic.at("npmi_vampire"),
                            .words = topic.at("words").get<std::vector<std::string>>()});
    return out;
  } catch (const nlohmann::json::exception&) {
    fail("{}: is no list of topics, or lacks a field", file);
  }
}

std::string to_text(const Topics& topics) {
  std::vector<size_t> order(topics.topics.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return topics.topics[a].npmi_standard > topics.topics[b].npmi_standard; });
  std::string text;
  for (const size_t t : order) {
    const Topic& topic = topics.topics[t];
    text += fmt::format("topic {:>3}  npmi {:>7.4f} ", t, topic.npmi_standard);
    for (size_t w = 0; w < std::min(topic.words.size(), size_t(kComparedWords)); ++w) text += " " + topic.words[w];
    text += "\n";
  }
  return text;
}

}  // namespace encore
