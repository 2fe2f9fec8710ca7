#include "train/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "model/checksums.h"

namespace encore {
namespace {

// Of the states before `step`, the newest that is whole and of this run; -1: none.
int64_t state_before(const RunFolder& folder, int64_t step, const RunDigest& now) {
  for (int64_t s = folder.whole_state_before(step); s >= 0; s = folder.whole_state_before(s))
    if (differences(now, read_state(folder.state_dir(s)).digest, "").empty()) return s;
  return -1;
}

std::string what_else(const RunFolder* folder, int64_t step, const RunDigest& now, const std::string& begins_with) {
  const int64_t other = folder ? state_before(*folder, step, now) : -1;
  if (other >= 0) return fmt::format("resume from the state before it with --resume-from step-{}", other);
  const std::string last = folder ? folder->model_dir("last") : "";
  return fmt::format("no other state is whole: start again in another folder{}",
                     folder && !begins_with.empty() && std::filesystem::exists(last) && find_damage(last).empty()
                         ? fmt::format(", for example with {} {}", begins_with, last)
                         : "");
}

}  // namespace

int64_t parse_state_name(const std::string& name) {
  const std::string_view digits = name.starts_with("step-") ? std::string_view(name).substr(5) : name;
  int64_t step = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
  check(error == std::errc() && end == digits.data() + digits.size() && step >= 0,
        "--resume-from {}: a state is named step-N, as in the run's folder state/", name);
  return step;
}

int64_t state_to_resume(const RunFolder* folder, const std::string& from, Communicator& comm) {
  int64_t step = -1;
  if (folder) {
    const std::vector<int64_t> steps = folder->states();
    if (!from.empty()) {
      step = parse_state_name(from);
      check(std::find(steps.begin(), steps.end(), step) != steps.end(), "--resume-from {}: {}/state holds {}{}", from,
            folder->path(), steps.empty() ? "no state" : "step-", fmt::join(steps, ", step-"));
    } else if (!steps.empty()) {
      step = steps.back();
    }
  }
  return max_over_ranks(step, comm);
}

RunState continue_from(const std::string& run, int64_t step, const RunFolder* folder, const RunDigest& now,
                       const LoadBuffers& load, const std::string& begins_with) {
  const std::string dir = fmt::format("{}/state/step-{}", run, step);
  RunState saved;
  try {
    saved = read_state(dir);
    const std::string different = differences(now, saved.digest, dir);
    check(different.empty(),
          "--resume: another run than the one that was saved: {}: give back what it had, or start a "
          "new run",
          different);
    if (folder) check_logs(folder->path(), saved.log);
    load(dir, saved);
  } catch (const DamagedState& e) {
    fail("{}: {}", e.what(), what_else(folder, step, now, begins_with));
  }
  if (folder) folder->set_aside_states_after(step);
  return saved;
}

std::string note_on_digest(const RunState& saved) {
  if (saved.digest.contains(kTokenizerField)) return "";
  return "the state was saved by an earlier version, without a digest of flags and model: these are taken as they are "
         "now; the next state has one";
}

}  // namespace encore
