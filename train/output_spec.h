// The output folder of a run, and whether the run resumes.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace encore {

struct OutputSpec {
  std::string folder;       // empty: the first free one of runs/STEM-1, runs/STEM-2, ...
  std::string stem;         // "dapt"
  std::string program;      // "dapt_train"
  bool resume = false;      // continue the run in `folder`
  std::string resume_from;  // "step-N"; empty: the newest state
  // The content of config.json: every flag in force, so that --config with it repeats the run from any folder. The run
  // overwrites values that it resolves itself ("auto", copies of streams).
  nlohmann::json config;
  std::vector<std::string> fixed_on_resume;        // keys of config that a resumed run must not change
  std::map<std::string, std::string> other_names;  // of keys of config, as older runs wrote them: {"max-length": ...}

  // The config of an older run with today's names for its keys.
  nlohmann::json by_own_names(const nlohmann::json& older) const {
    nlohmann::json config = nlohmann::json::object();
    for (const auto& [key, value] : older.items()) {
      const auto other = other_names.find(key);
      config[other == other_names.end() ? key : other->second] = value;
    }
    return config;
  }
};

}  // namespace encore
