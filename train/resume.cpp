#include "train/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace encore {
namespace {

void check_fingerprints(const RunState& saved, const RunState& now, const std::string& dir) {
  const auto same = [&](uint64_t a, uint64_t b, const char* what) {
    check(a == b, "--resume: {} is not the one that {} was saved with", what, dir);
  };
  same(saved.model_fingerprint, now.model_fingerprint, "the shape of --model");
  same(saved.train_fingerprint, now.train_fingerprint, "the training text (or its tokenizer)");
  same(saved.eval_fingerprint, now.eval_fingerprint, "the evaluation text (or its tokenizer)");
}

std::string what_else(const RunFolder* folder, int64_t step) {
  const int64_t other = folder ? folder->whole_state_before(step) : -1;
  return other >= 0 ? fmt::format("resume from the state before it with --resume-from step-{}", other)
                    : "no other state is whole: start again in another folder, for example from model/last of this one";
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
  std::array<int64_t, 1> step{-1};
  if (folder) {
    const std::vector<int64_t> steps = folder->states();
    if (!from.empty()) {
      step[0] = parse_state_name(from);
      check(std::find(steps.begin(), steps.end(), step[0]) != steps.end(), "--resume-from {}: {}/state holds {}{}",
            from, folder->path(), steps.empty() ? "no state" : "step-", fmt::join(steps, ", step-"));
    } else if (!steps.empty()) {
      step[0] = steps.back();
    }
  }
  comm.all_reduce_max(std::span<int64_t>(step));
  return step[0];
}

RunState continue_from(const std::string& run, int64_t step, const RunFolder* folder, const RunState& now,
                       const LoadBuffers& load) {
  const std::string dir = fmt::format("{}/state/step-{}", run, step);
  RunState saved;
  try {
    saved = read_state(dir);
    check_fingerprints(saved, now, dir);
    load(dir, saved);
  } catch (const DamagedState& e) {
    fail("{}: {}", e.what(), what_else(folder, step));
  }
  if (folder) folder->set_aside_states_after(step);
  return saved;
}

}  // namespace encore
