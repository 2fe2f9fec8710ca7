// Reports of finetune's folders: results.json, and the epochs of log.jsonl.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace encore {

struct FinetuneRun {
  struct Epoch {
    double epoch = 0, loss = 0, dev = 0;  // loss: nats a training row; dev: the metric that chooses the epoch
  };
  std::string folder, name;
  nlohmann::json flags, defaults, results;  // defaults: of the flags; null where an older run has none
  std::map<int64_t, std::vector<Epoch>> seeds;
};

// Was this folder written by finetune?
bool is_finetune_folder(const std::string& folder);

// Throws Error naming the file and, of log.jsonl, the line.
FinetuneRun open_finetune_run(const std::string& folder);

std::string finetune_page(const std::vector<FinetuneRun>&);

}  // namespace encore
