#include "kernels/base/atomic_file.h"
#include "kernels/base/atomic_folder.h"
#include "train/selection/describe_selection.h"

namespace encore {
namespace {

void write_choice(const SelectionInput& input, const SelectionOptions& options, const RankedTask& task,
                  const std::vector<Judged>& judged, const Choice& choice, const std::string& path) {
  using Json = nlohmann::ordered_json;
  AtomicFile file(path);
  const auto put = [&](const Json& row) {
    file.write(row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  };
  for (const TaskText::Row& row : input.task.rows)
    put({{"text", row.text}, {"from", "task"}, {"file", input.task.paths[row.file]}, {"line", row.line}});
  for_each_proposed(judged, options.method, choice.size, [&](const Judged& one) {
    if (one.fate != TextFate::kTaken) return;
    Json row = {{"text", one.passage.text},
                {"from", "domain"},
                {"file", input.domain[one.passage.file]},
                {"line", one.passage.line}};
    if (input.unit == Passages::Unit::kSentence) row["sentence"] = one.passage.sentence;
    row["rank"] = one.place.rank;
    if (options.method != SelectionMethod::kRandom) row["score"] = one.place.score;
    if (one.place.query >= 0) row["task_row"] = task.query_rows[size_t(one.place.query)];
    put(row);
  });
  file.commit();
}

}  // namespace

void write_selection(const std::string& output, const SelectionInput& input, const SelectionOptions& options,
                     const RankedTask& task, const std::vector<Judged>& judged, const SelectionLedger& ledger) {
  AtomicFolder folder(output);
  for (const Choice& choice : ledger.choices)
    write_choice(input, options, task, judged, choice, folder.temporary_path() + "/" + choice.file);
  write_file_atomic(folder.temporary_path() + "/ledger.json", ledger_json(ledger));
  folder.commit();
}

}  // namespace encore
