#include "train/save_policy.h"

#include <filesystem>
#include <thread>

#include "kernels/base/check.h"
#include "kernels/base/clock.h"

namespace encore {
namespace {

constexpr int kLastAttempts = 3;
constexpr auto kBetweenLastAttempts = std::chrono::seconds(5);

void with_io_errors(const std::function<void()>& write) {
  try {
    write();
  } catch (const std::filesystem::filesystem_error& e) {
    fail_io("{}", e.what());
  }
}

}  // namespace

SavePolicy::SavePolicy(OnSaveError on_error, std::function<void(const std::string&)> say)
    : on_error_(on_error), say_(std::move(say)) {}

bool SavePolicy::attempt(const std::string& what, const std::function<void()>& write) {
  try {
    with_io_errors(write);
  } catch (const IoError& e) {
    if (!goes_on()) throw;
    last_failure_ = steady_seconds();
    if (failing_.insert(what).second)
      say_(
          fmt::format("warning: {} not written: {}: going on (--on-save-error continue), next try at the next save or "
                      "in {:g} s",
                      what, e.what(), kRetrySeconds));
    return false;
  }
  if (failing_.erase(what)) say_(fmt::format("{} written again, complete", what));
  return true;
}

void SavePolicy::insist(const std::string& what, const std::function<void()>& write) {
  for (int attempt = 1;; ++attempt) {
    try {
      with_io_errors(write);
      break;
    } catch (const IoError& e) {
      if (!goes_on() || attempt == kLastAttempts) throw;
      say_(fmt::format("warning: {} not written: {}: the run is at its end, trying again", what, e.what()));
    }
    std::this_thread::sleep_for(kBetweenLastAttempts);
  }
  failing_.erase(what);
}

bool SavePolicy::retry_due() const {
  return !failing_.empty() && seconds_since(last_failure_) >= kRetrySeconds;
}

}  // namespace encore
