#include "data/select/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/select/text_table.h"
#include "kernels/base/human.h"
#include "kernels/base/in_quotes.h"

namespace encore {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kEpochs = 100, kSmallTask = 5000, kSmallBatch = 256, kBatch = 2048;
constexpr int64_t kDomainSteps = 12500, kDomainLength = 512;
constexpr int64_t kSpecials = 2;  // tokens around a text
constexpr const char* kStart = "{\n \"program\": \"select_data\",";

std::optional<double> hours_of(double tokens, double tokens_per_second) {
  return tokens_per_second > 0 ? std::optional(tokens / tokens_per_second / 3600) : std::nullopt;
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json json_of(const TextTotals& totals) {
  return {{"texts", totals.texts}, {"bytes", totals.bytes}, {"tokens", or_null(totals.tokens)}};
}

Json json_of(const Choice& choice) {
  return {{"name", choice.name},
          {"file", choice.file},
          {"size", choice.size},
          {"proposed", choice.proposed},
          {"same_text", choice.same_text},
          {"task_text", choice.task_text},
          {"near_duplicate", choice.near_duplicate},
          {"chosen", json_of(choice.chosen)},
          {"shared_words_percent", or_null(choice.shared_words)}};
}

Json json_of(const TrainingCost& cost) {
  return {{"name", cost.name},
          {"steps", cost.steps},
          {"documents", cost.documents},
          {"storage_bytes", cost.bytes},
          {"hours", or_null(cost.hours)},
          {"epochs", cost.epochs > 0 ? Json(cost.epochs) : Json()},
          {"batch", cost.batch}};
}

Json json_of(const InspectedText& one) {
  Json neighbours = Json::array();
  for (const InspectedNeighbour& neighbour : one.neighbours)
    neighbours.push_back(
        {{"score", neighbour.score}, {"rank", neighbour.rank}, {"fate", neighbour.fate}, {"text", neighbour.text}});
  return {{"text", one.text}, {"neighbours", neighbours}};
}

template <class T>
Json list_of(const std::vector<T>& values) {
  Json out = Json::array();
  for (const T& value : values) out.push_back(json_of(value));
  return out;
}

std::string totals_text(const TextTotals& totals, const std::string& unit) {
  return fmt::format("{} {}, {}{}", with_commas(totals.texts), unit, human_bytes(double(totals.bytes)),
                     totals.tokens ? ", " + with_commas(*totals.tokens) + " tokens" : "");
}

std::string percent(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f}", *value) : "none";
}

std::string choices_table(const SelectionLedger& ledger) {
  TextTable rows{{"", "proposed", "same text", "task's text", "near-duplicate", "chosen", "bytes", "shared words %"}};
  for (const Choice& c : ledger.choices)
    rows.push_back({c.name, with_commas(c.proposed), with_commas(c.same_text), with_commas(c.task_text),
                    with_commas(c.near_duplicate), with_commas(c.chosen.texts), human_bytes(double(c.chosen.bytes)),
                    percent(c.shared_words)});
  return aligned(rows);
}

std::string costs_table(const SelectionLedger& ledger) {
  TextTable rows{{"training on", "steps", "documents", "storage", "hours"}};
  for (const TrainingCost& c : ledger.costs)
    rows.push_back({c.name, with_commas(c.steps), with_commas(c.documents), human_bytes(double(c.bytes)),
                    c.hours ? fmt::format("{:.2f}", *c.hours) : "not measured"});
  return aligned(rows);
}

std::string inspected_text(const InspectedText& one) {
  std::string out = "\n" + one_line(one.text) + "\n";
  for (const InspectedNeighbour& n : one.neighbours)
    out += fmt::format("  {:>3}  {:.4f}  {:<14}  {}\n", n.rank + 1, n.score, n.fate, one_line(n.text));
  return out;
}

}  // namespace

TrainingCost tapt_cost(const std::string& name, const TextTotals& totals, double tokens_per_second) {
  const int64_t batch = totals.texts < kSmallTask ? kSmallBatch : kBatch;
  TrainingCost cost{.name = name,
                    .documents = totals.texts,
                    .epochs = kEpochs,
                    .batch = batch,
                    .steps = (kEpochs * totals.texts + batch - 1) / batch,
                    .bytes = totals.bytes};
  if (totals.tokens)
    cost.hours = hours_of(double(kEpochs) * double(*totals.tokens + kSpecials * totals.texts), tokens_per_second);
  return cost;
}

TrainingCost dapt_cost(const TextTotals& totals, double tokens_per_second) {
  return {.name = "domain",
          .documents = totals.texts,
          .batch = kBatch,
          .steps = kDomainSteps,
          .bytes = totals.bytes,
          .hours = hours_of(double(kDomainSteps) * kBatch * kDomainLength, tokens_per_second)};
}

std::string ledger_text(const SelectionLedger& ledger) {
  std::string out = fmt::format("task    {} ({} different)\n", totals_text(ledger.task, "texts"),
                                with_commas(ledger.different_task_texts));
  if (ledger.exclude.texts > 0) out += fmt::format("left out {}\n", totals_text(ledger.exclude, "texts"));
  out += fmt::format("domain  {} of {} documents\n\n", totals_text(ledger.domain, ledger.unit),
                     with_commas(ledger.domain_documents));
  out += choices_table(ledger);
  if (ledger.domain_shared_words)
    out += fmt::format(
        "shared words: among the {} most frequent of the task's text and of the chosen; with the whole domain {:.1f} "
        "%\n",
        with_commas(ledger.top_words), *ledger.domain_shared_words);
  out += "\n" + costs_table(ledger);
  out += fmt::format(
      "steps: {} epochs in batches of {}, below {} texts of {}; of the domain {} steps of {} sequences\n", kEpochs,
      with_commas(kBatch), with_commas(kSmallTask), kSmallBatch, with_commas(kDomainSteps), with_commas(kBatch));
  if (ledger.tokens_per_second > 0)
    out += fmt::format("hours: by {} tokens/s, measured here: {}\n",
                       with_commas(std::llround(ledger.tokens_per_second)), ledger.speed_of);
  for (const std::string& note : ledger.notes) out += one_line(note) + "\n";
  for (const InspectedText& one : ledger.inspected) out += inspected_text(one);
  return out;
}

std::string ledger_json(const SelectionLedger& ledger) {
  Json out = {{"program", "select_data"},
              {"method", ledger.method},
              {"embedding", ledger.embedding.empty() ? Json() : Json(ledger.embedding)},
              {"unit", ledger.unit},
              {"seed", ledger.seed},
              {"task", json_of(ledger.task)},
              {"exclude", json_of(ledger.exclude)},
              {"domain", json_of(ledger.domain)}};
  out["task"]["files"] = ledger.task_files;
  out["task"]["different_texts"] = ledger.different_task_texts;
  out["task"]["texts_without_known_word"] = ledger.texts_without;
  out["exclude"]["files"] = ledger.exclude_files;
  out["domain"]["files"] = ledger.domain_files;
  out["domain"]["documents"] = ledger.domain_documents;
  out["search"] = ledger.search;
  out["choices"] = list_of(ledger.choices);
  out["shared_words"] = {{"top", ledger.top_words}, {"domain_percent", or_null(ledger.domain_shared_words)}};
  out["training"] = {{"tokens_per_second", ledger.tokens_per_second > 0 ? Json(ledger.tokens_per_second) : Json()},
                     {"measured_with", ledger.speed_of},
                     {"costs", list_of(ledger.costs)}};
  out["inspected"] = list_of(ledger.inspected);
  out["topics"] = Json::array();
  for (const TopicShare& t : ledger.topics)
    out["topics"].push_back({{"words", t.words}, {"task", t.task}, {"domain", t.domain}, {"choices", t.choices}});
  out["notes"] = ledger.notes;
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool is_selection_ledger(const std::string& start) {
  return start.starts_with(kStart);
}

}  // namespace encore
