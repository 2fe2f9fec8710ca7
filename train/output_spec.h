// Where a run is written, and whether it is a new one.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace encore {

struct OutputSpec {
  std::string folder;       // empty: the first free one of runs/STEM-1, runs/STEM-2, ...
  std::string stem;         // "dapt"
  bool resume = false;      // continue the run in `folder`
  std::string resume_from;  // "step-N"; empty: the newest state
  // Of config.json: every flag in force, such that --config of it repeats the run from any folder. The run writes what
  // it works out ("auto", copies of streams) over it.
  nlohmann::json config;
  std::vector<std::string> fixed_on_resume;  // keys of config that a resumed run must give alike
};

}  // namespace encore
