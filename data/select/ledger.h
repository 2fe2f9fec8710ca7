// What a selection read, chose and left out, and what training on it costs: for the terminal, and as JSON for other
// programs and for reports.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace encore {

struct TextTotals {
  int64_t texts = 0;
  int64_t bytes = 0;
  std::optional<int64_t> tokens;  // without special tokens; none without a tokenizer
};

// One training, as the columns of Table 9 of Gururangan et al. (2020) count it.
struct TrainingCost {
  std::string name;  // "task", "50nn", "domain"
  int64_t documents = 0;
  int64_t epochs = 0;  // 0: a number of steps that does not depend on the text
  int64_t batch = 0;   // texts of a step
  int64_t steps = 0;
  int64_t bytes = 0;            // of the text
  std::optional<double> hours;  // on this machine, by measured speed; none without a model
};

// Task-adaptive pretraining on so many texts: 100 epochs, batches of 2,048 texts, or of 256 below 5,000 texts (Table 13
// and its text). The last batch of an epoch is filled from the next one, so steps = ceil(epochs * texts / batch).
// tokens_per_second: 0 where it is not known.
TrainingCost tapt_cost(const std::string& name, const TextTotals&, double tokens_per_second);
// Domain-adaptive pretraining: 12,500 steps of 2,048 sequences of 512 tokens.
TrainingCost dapt_cost(const TextTotals&, double tokens_per_second);

// A file of chosen texts.
struct Choice {
  std::string name;  // "50nn"
  std::string file;  // within the folder
  int64_t size = 0;  // k of knn, else the texts that were asked for
  int64_t proposed = 0, same_text = 0, task_text = 0, near_duplicate = 0;
  TextTotals chosen;
  std::optional<double> shared_words;  // % of the most frequent words that chosen and task text have in common
};

struct InspectedNeighbour {
  double score = 0;
  int64_t rank = 0;
  std::string fate;  // "chosen", "same text", "task's text", "near-duplicate"
  std::string text;
};
struct InspectedText {
  std::string text;
  std::vector<InspectedNeighbour> neighbours;
};

// A topic of the model that embeds, and how much of each text is its: means over the texts that hold a known word.
struct TopicShare {
  std::vector<std::string> words;
  double task = 0, domain = 0;
  std::vector<double> choices;
};

struct SelectionLedger {
  std::string method, embedding, unit;  // unit: "sentences" or "documents"
  uint64_t seed = 0;
  std::vector<std::string> task_files, exclude_files, domain_files;
  TextTotals task, exclude, domain;
  int64_t different_task_texts = 0;
  int64_t domain_documents = 0;
  int64_t texts_without = 0;      // of the task, that give nothing: without a known word
  std::string first_without;      // the first of these, shortened
  nlohmann::ordered_json search;  // figures of the method
  std::vector<Choice> choices;
  int64_t top_words = 0;                      // words of each side that shared_words compares
  std::optional<double> domain_shared_words;  // the same of the whole domain
  double tokens_per_second = 0;               // of training; 0: not measured
  std::string speed_of;                       // model and device
  std::vector<TrainingCost> costs;
  std::vector<InspectedText> inspected;
  std::vector<TopicShare> topics;  // the task's largest first; empty without a topic model
  std::vector<std::string> notes;
};

std::string ledger_text(const SelectionLedger&);
// One object, with a line end; docs/select.md names the keys. What there is not is null.
std::string ledger_json(const SelectionLedger&);
// Whether a file that begins like this is one of ledger_json's.
bool is_selection_ledger(const std::string& start);

}  // namespace encore
