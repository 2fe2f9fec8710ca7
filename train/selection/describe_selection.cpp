#include "train/selection/describe_selection.h"

#include <algorithm>
#include <unordered_map>

#include "data/select/overlap/overlap.h"
#include "kernels/base/human.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/spread.h"

namespace encore {
namespace {

constexpr int64_t kTopWords = 10000;  // that shared words are counted among, as the paper's overlap
constexpr int64_t kInspectedNeighbours = 5;
constexpr int64_t kSpeedTexts = 2000;   // by which the speed of training is measured
constexpr int64_t kTopicTexts = 10000;  // of the domain and of each choice, spread evenly, whose topics are compared
constexpr size_t kShownTopics = 20;

class Description {
 public:
  explicit Description(const SelectionParts& parts) : parts_(parts) {}

  SelectionLedger run() {
    ledger_.method = parts_.options.method == SelectionMethod::kKnn      ? "knn"
                     : parts_.options.method == SelectionMethod::kRandom ? "rand"
                                                                         : "dsir";
    if (parts_.options.method == SelectionMethod::kKnn) ledger_.embedding = parts_.input.embedding.name;
    ledger_.unit = unit_name(parts_.input.unit);
    ledger_.seed = parts_.options.seed;
    ledger_.task_files = parts_.input.task.paths;
    ledger_.exclude_files = parts_.input.exclude.paths;
    ledger_.domain_files = parts_.input.domain;
    for (const TaskText::Row& row : parts_.input.task.rows) add_text(ledger_.task, row.text);
    for (const TaskText::Row& row : parts_.input.exclude.rows) add_text(ledger_.exclude, row.text);
    ledger_.domain = {
        .texts = parts_.domain.passages(), .bytes = parts_.domain.text_bytes(), .tokens = domain_tokens()};
    ledger_.domain_documents = parts_.domain.documents();
    ledger_.different_task_texts = std::ssize(parts_.task.queries);
    ledger_.search = parts_.ranking.figures;
    ledger_.notes = parts_.ranking.notes;
    for (const int64_t size : parts_.options.sizes) ledger_.choices.push_back(count(size));
    describe_texts_without();
    compare_vocabularies();
    compare_topics();
    add_costs();
    inspect();
    return std::move(ledger_);
  }

 private:
  void add_text(TextTotals& totals, const std::string& text) const {
    ++totals.texts;
    totals.bytes += int64_t(text.size());
    if (parts_.input.tokenizer)
      totals.tokens = totals.tokens.value_or(0) + std::ssize(parts_.input.tokenizer->encode(text));
  }

  std::optional<int64_t> domain_tokens() const {
    if (!parts_.input.tokenizer) return std::nullopt;
    int64_t tokens = 0;
    const TextSource source = parts_.domain.source();
    std::vector<int32_t> ids;
    for (std::string text; source(text); ids.clear()) {
      parts_.input.tokenizer->encode(text, ids);
      tokens += std::ssize(ids);
    }
    return tokens;
  }

  Choice count(int64_t size) const {
    Choice out{.size = size};
    switch (parts_.options.method) {
      case SelectionMethod::kKnn: out.name = fmt::format("{}nn", size); break;
      case SelectionMethod::kRandom: out.name = fmt::format("rand-{}", size); break;
      case SelectionMethod::kDsir: out.name = fmt::format("dsir-{}", size); break;
    }
    out.file = out.name + ".jsonl";
    for_each_proposed(parts_.judged, parts_.options.method, size, [&](const Judged& one) {
      ++out.proposed;
      out.same_text += one.fate == TextFate::kSameText;
      out.task_text += one.fate == TextFate::kTaskText;
      out.near_duplicate += one.fate == TextFate::kNearDuplicate;
      if (one.fate == TextFate::kTaken) add_text(out.chosen, one.passage.text);
    });
    return out;
  }

  void describe_texts_without() {
    ledger_.texts_without = parts_.ranking.neighbours.queries_without;
    for (size_t q = 0; q < parts_.ranking.neighbours.of.size() && ledger_.texts_without > 0; ++q)
      if (parts_.ranking.neighbours.of[q].empty()) {
        const TaskText::Row& row = parts_.input.task.rows[size_t(parts_.task.query_rows[q])];
        ledger_.notes.push_back(fmt::format(
            "note: {} of the task's texts hold no known word and give nothing; the first is {} line {}: {}",
            with_commas(ledger_.texts_without), parts_.input.task.paths[row.file], row.line, in_quotes(row.text, 60)));
        break;
      }
  }

  WordCounts words_of(const TextSource& source) const {
    return count_words(source, {.pattern = WordPattern::kTwoOrMore,
                                .stop_words = english_stop_words(),
                                .keep = kTopWords,
                                .threads = parts_.options.threads});
  }

  // How much of the most frequent words the task has in common with what was chosen, and with the whole domain.
  void compare_vocabularies() {
    std::vector<CorpusVocabulary> all;
    all.push_back({.name = "task", .counts = words_of([&, i = size_t(0)](std::string& text) mutable {
                                     return i < parts_.task.queries.size() && (text = parts_.task.queries[i++], true);
                                   })});
    all.push_back({.name = "domain", .counts = words_of(parts_.domain.source())});
    for (const Choice& choice : ledger_.choices) {
      std::vector<const std::string*> texts;
      for_each_proposed(parts_.judged, parts_.options.method, choice.size, [&](const Judged& one) {
        if (one.fate == TextFate::kTaken) texts.push_back(&one.passage.text);
      });
      all.push_back({.name = choice.name, .counts = words_of([&, i = size_t(0)](std::string& text) mutable {
                                            return i < texts.size() && (text = *texts[i++], true);
                                          })});
    }
    for (const CorpusVocabulary& one : all)
      if (one.counts.words.empty()) return;
    const Overlap overlap = compare(std::move(all), {.measure = OverlapMeasure::kShared, .top = kTopWords});
    ledger_.top_words = overlap.top_used;
    ledger_.domain_shared_words = overlap.percent[0][1];
    for (size_t c = 0; c < ledger_.choices.size(); ++c) ledger_.choices[c].shared_words = overlap.percent[0][c + 2];
  }

  // The mean vector of those texts that have one.
  static std::vector<double> mean_vector(TextEmbedder& embedder, const std::vector<std::string>& texts) {
    std::vector<float> vectors;
    embedder.embed(texts, vectors);
    const auto columns = size_t(embedder.columns());
    std::vector<double> sum(columns);
    int64_t counted = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      double all = 0;
      for (size_t k = 0; k < columns; ++k) all += double(vectors[i * columns + k]);
      if (all == 0) continue;
      ++counted;
      for (size_t k = 0; k < columns; ++k) sum[k] += double(vectors[i * columns + k]);
    }
    for (double& share : sum) share /= double(std::max<int64_t>(1, counted));
    return sum;
  }

  std::vector<std::string> some_of_domain() const {
    const int64_t all = parts_.domain.passages(), wanted = std::min(all, kTopicTexts);
    std::vector<std::string> texts;
    const TextSource source = parts_.domain.source();
    std::string text;
    for (int64_t i = 0, taken = 0; taken < wanted && source(text); ++i)
      if (i == spread(taken, all, wanted)) texts.push_back(std::move(text)), ++taken;
    return texts;
  }

  std::vector<std::string> some_chosen(const Choice& choice) const {
    const int64_t all = choice.chosen.texts, wanted = std::min(all, kTopicTexts);
    std::vector<std::string> texts;
    int64_t i = 0;
    for_each_proposed(parts_.judged, parts_.options.method, choice.size, [&](const Judged& one) {
      if (one.fate != TextFate::kTaken) return;
      if (std::ssize(texts) < wanted && i == spread(std::ssize(texts), all, wanted)) texts.push_back(one.passage.text);
      ++i;
    });
    return texts;
  }

  // Which topics the task is about, and how far the chosen texts moved towards them.
  void compare_topics() {
    if (!parts_.input.embedding.topic_shares) return;
    const std::unique_ptr<TextEmbedder> shares = parts_.input.embedding.topic_shares();
    const std::vector<double> task = mean_vector(*shares, parts_.task.queries),
                              domain = mean_vector(*shares, some_of_domain());
    for (size_t k = 0; k < task.size(); ++k)
      ledger_.topics.push_back(
          {.words = parts_.input.embedding.topic_words[k], .task = task[k], .domain = domain[k], .choices = {}});
    for (const Choice& choice : ledger_.choices) {
      const std::vector<double> chosen = mean_vector(*shares, some_chosen(choice));
      for (size_t k = 0; k < chosen.size(); ++k) ledger_.topics[k].choices.push_back(chosen[k]);
    }
    std::stable_sort(ledger_.topics.begin(), ledger_.topics.end(),
                     [](const TopicShare& a, const TopicShare& b) { return a.task > b.task; });
    if (ledger_.topics.size() > kShownTopics) ledger_.topics.resize(kShownTopics);
  }

  void add_costs() {
    if (parts_.input.speed) {
      std::vector<std::string> texts;
      for (const Judged& one : parts_.judged)
        if (std::ssize(texts) < kSpeedTexts) texts.push_back(one.passage.text);
      ledger_.tokens_per_second = parts_.input.speed(texts);
      ledger_.speed_of = parts_.input.speed_of;
    }
    ledger_.costs.push_back(tapt_cost("task", ledger_.task, ledger_.tokens_per_second));
    for (const Choice& choice : ledger_.choices) {
      TextTotals both{.texts = ledger_.task.texts + choice.chosen.texts,
                      .bytes = ledger_.task.bytes + choice.chosen.bytes};
      if (ledger_.task.tokens) both.tokens = *ledger_.task.tokens + choice.chosen.tokens.value_or(0);
      ledger_.costs.push_back(tapt_cost(choice.name, both, ledger_.tokens_per_second));
    }
    ledger_.costs.push_back(dapt_cost(ledger_.domain, ledger_.tokens_per_second));
  }

  // Some texts of the task, spread evenly, with their nearest passages.
  void inspect() {
    if (parts_.options.method != SelectionMethod::kKnn) return;
    std::unordered_map<int64_t, const Judged*> by_id;
    for (const Judged& one : parts_.judged) by_id[one.place.id] = &one;
    const int64_t all = std::ssize(parts_.task.queries), shown = std::min(parts_.options.inspect, all);
    for (int64_t i = 0; i < shown; ++i) {
      const auto q = size_t(spread(i, all, shown));
      InspectedText text{.text = parts_.task.queries[q]};
      const auto& nearest = parts_.ranking.neighbours.of[q];
      for (size_t rank = 0; rank < std::min<size_t>(kInspectedNeighbours, nearest.size()); ++rank) {
        const Judged& one = *by_id.at(nearest[rank].id);
        text.neighbours.push_back({.score = nearest[rank].score,
                                   .rank = int64_t(rank),
                                   .fate = fate_name(one.fate),
                                   .text = one.passage.text});
      }
      ledger_.inspected.push_back(std::move(text));
    }
  }

  static std::string fate_name(TextFate fate) {
    switch (fate) {
      case TextFate::kTaken: return "chosen";
      case TextFate::kSameText: return "same text";
      case TextFate::kTaskText: return "task's text";
      case TextFate::kNearDuplicate: return "near-duplicate";
    }
    return "";
  }

  const SelectionParts& parts_;
  SelectionLedger ledger_;
};

}  // namespace

SelectionLedger describe(const SelectionParts& parts) {
  return Description(parts).run();
}

}  // namespace encore
