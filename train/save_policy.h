// What becomes of a run when its folder cannot be written.
#pragma once

#include <functional>
#include <set>
#include <string>

namespace encore {

enum class OnSaveError { kStop, kContinue };

class SavePolicy {
 public:
  static constexpr double kRetrySeconds = 30;  // from a failed save to the next attempt, where no save is due sooner

  // say: prints a line.
  SavePolicy(OnSaveError, std::function<void(const std::string&)> say);

  // Runs what writes `what`. kStop: its IoError goes on to the caller. kContinue: it is said in a line, once until
  // `what` is written again (which is said too), and the answer is false.
  bool attempt(const std::string& what, const std::function<void()>& write);
  // The same at the end of a run, when no later save will do: kContinue waits a little and tries again, three times in
  // all, then lets the IoError go.
  void insist(const std::string& what, const std::function<void()>& write);

  bool goes_on() const { return on_error_ == OnSaveError::kContinue; }
  // Has something failed whose next attempt is due?
  bool retry_due() const;

 private:
  OnSaveError on_error_;
  std::function<void(const std::string&)> say_;
  std::set<std::string> failing_;
  double last_failure_ = 0;  // steady_seconds()
};

}  // namespace encore
