#include "train/selection/selection.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "data/select/text_choice.h"
#include "kernels/base/check.h"
#include "kernels/base/human.h"
#include "train/selection/describe_selection.h"
#include "train/signals.h"
#include "train/work_progress.h"

namespace encore {
namespace {

class Selection {
 public:
  Selection(const SelectionInput& input, const SelectionOptions& options) : input_(input), options_(options) {}

  SelectionLedger run(const std::string& output) {
    take_task();
    domain_.emplace(read_domain());
    check_sizes();
    ranking_ = rank_passages(input_, options_, *domain_, task_,
                             [&](const std::string& phase, int64_t total, int64_t done) { show(phase, total, done); });
    judge();
    progress_.reset();
    SelectionLedger ledger = describe({.input = input_,
                                       .options = options_,
                                       .task = task_,
                                       .domain = *domain_,
                                       .ranking = ranking_,
                                       .judged = judged_});
    write_selection(output, input_, options_, task_, judged_, ledger);
    return ledger;
  }

 private:
  // Shows how far a phase is, and ends the process where a signal asks for it.
  void show(const std::string& phase, int64_t total, int64_t done) {
    if (stop_signal() != 0)
      throw Error(fmt::format("stopped by {}; nothing was written but vectors, which the same command goes on with",
                              stopped_by()),
                  75);
    if (phase != phase_ || !progress_) {
      phase_ = phase;
      progress_.reset();
      progress_.emplace(WorkProgress::Work{.name = phase, .unit = "texts", .total = total}, false);
    }
    progress_->add(done);
  }

  // The different texts of the task, and what may not be chosen.
  void take_task() {
    check(!input_.task.rows.empty(), "the task has no text");
    std::unordered_map<std::string, int64_t> seen;
    for (size_t i = 0; i < input_.task.rows.size(); ++i)
      if (seen.emplace(input_.task.rows[i].text, int64_t(i)).second) {
        task_.queries.push_back(input_.task.rows[i].text);
        task_.query_rows.push_back(int64_t(i));
      }
    if (input_.embedding.task_rows) {
      const int64_t rows = input_.embedding.task_rows->rows().rows;
      check(rows == std::ssize(input_.task.rows),
            "the vectors of the task have {} rows, and its files {} texts: a row for each", with_commas(rows),
            with_commas(std::ssize(input_.task.rows)));
    }
  }

  DomainText read_domain() {
    int64_t bytes = 0;
    for (const std::string& path : input_.domain) bytes += int64_t(std::filesystem::file_size(path));
    progress_.emplace(WorkProgress::Work{.name = "domain", .unit = "bytes", .total = bytes}, false);
    phase_ = "domain";
    return DomainText(input_.domain, input_.reading, input_.unit, [&](int64_t read) { show("domain", bytes, read); });
  }

  std::string unit() const { return unit_name(input_.unit); }

  void check_sizes() const {
    const int64_t most = options_.sizes.back();
    const bool knn = options_.method == SelectionMethod::kKnn;
    check(most <= domain_->passages(), "--{} {}: the domain has {} {}: choose a smaller number", knn ? "k" : "count",
          most, with_commas(domain_->passages()), unit());
  }

  // Looks up the ranked passages and judges them, in order, until there are enough.
  void judge() {
    TextChoice choice(options_.near_duplicates);
    if (!options_.keep_task_texts)
      for (const std::string& text : task_.queries) choice.add_task_text(text, true);
    for (const TaskText::Row& row : input_.exclude.rows) choice.add_task_text(row.text, false);
    const bool knn = options_.method == SelectionMethod::kKnn;
    const int64_t wanted = options_.sizes.back(), all = std::ssize(ranking_.order);
    int64_t taken = 0;
    for (int64_t at = 0; at < all && (knn || taken < wanted);) {
      const int64_t n = knn ? all : std::min(all - at, wanted - taken + wanted / 16 + 64);
      for (Judged& one : look_up(at, at + n)) {
        if (!knn && taken == wanted) break;
        one.fate = choice.propose(one.passage.text);
        taken += one.fate == TextFate::kTaken;
        judged_.push_back(std::move(one));
      }
      at += n;
    }
    check(knn || taken == wanted, "--count {}: only {} of {} {} may be chosen: choose a smaller number", wanted,
          with_commas(taken), with_commas(domain_->passages()), unit());
    check(taken > 0,
          "nothing is left of {} proposed passages: all are texts of the task, or left out (--keep-task-texts)",
          with_commas(all));
  }

  std::vector<Judged> look_up(int64_t begin, int64_t end) {
    std::vector<int64_t> ids, at;
    for (int64_t i = begin; i < end; ++i) at.push_back(i);
    std::sort(at.begin(), at.end(),
              [&](int64_t a, int64_t b) { return ranking_.order[size_t(a)].id < ranking_.order[size_t(b)].id; });
    for (const int64_t i : at) ids.push_back(ranking_.order[size_t(i)].id);
    std::vector<DomainPassage> found = domain_->find(ids);
    std::vector<Judged> out(size_t(end - begin));
    for (size_t i = 0; i < at.size(); ++i)
      out[size_t(at[i] - begin)] = {.place = ranking_.order[size_t(at[i])], .passage = std::move(found[i])};
    return out;
  }

  const SelectionInput& input_;
  const SelectionOptions& options_;
  RankedTask task_;
  std::optional<DomainText> domain_;
  Ranking ranking_;
  std::vector<Judged> judged_;
  std::optional<WorkProgress> progress_;
  std::string phase_;
};

}  // namespace

TaskText TaskText::read(const std::vector<std::string>& paths, const CorpusOptions& options) {
  TaskText out{.paths = paths};
  CorpusReader reader(paths, options);
  for (std::string text; reader.next(text);)
    out.rows.push_back({.text = std::move(text), .file = reader.file(), .line = reader.line()});
  return out;
}

SelectionLedger select_data(const SelectionInput& input, const SelectionOptions& options, const std::string& output) {
  return Selection(input, options).run(output);
}

}  // namespace encore
