// The policy for a run whose folder cannot be written.
#pragma once

#include <functional>
#include <set>
#include <string>

namespace encore {

enum class OnSaveError { kStop, kContinue };

class SavePolicy {
 public:
  static constexpr double kRetrySeconds = 30;  // from a failed save to the next attempt, if no save is due sooner

  // say: prints a line.
  SavePolicy(OnSaveError, std::function<void(const std::string&)> say);

  // Calls `write`, which writes `what`. On IoError, kStop rethrows; kContinue says one line and returns false. It
  // says no more about `what` until that is written again, which it says too.
  bool attempt(const std::string& what, const std::function<void()>& write);
  // The same at the end of a run, when no save follows: kContinue waits a little and tries again, three times in all,
  // then rethrows the IoError.
  void insist(const std::string& what, const std::function<void()>& write);

  bool goes_on() const { return on_error_ == OnSaveError::kContinue; }
  // Whether a failed write is due for its next attempt.
  bool retry_due() const;

 private:
  OnSaveError on_error_;
  std::function<void(const std::string&)> say_;
  std::set<std::string> failing_;
  double last_failure_ = 0;  // steady_seconds()
};

}  // namespace encore
