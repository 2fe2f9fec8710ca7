#include "train/signals.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <initializer_list>

namespace encore {
namespace {

std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch nothing else");

void on_signal(int number) {
  received.store(number);
}

}  // namespace

void install_stop_signals() {
  for (int number : {SIGTERM, SIGHUP, SIGUSR1, SIGINT}) {
    struct sigaction action {
    }, before{};
    if (number == SIGHUP && ::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART | (number == SIGINT ? int(SA_RESETHAND) : 0);
    sigemptyset(&action.sa_mask);
    ::sigaction(number, &action, nullptr);
  }
  ::signal(SIGXFSZ, SIG_IGN);
}

int stop_signal() {
  return received.load();
}

std::string stopped_by() {
  const int number = stop_signal();
  return number ? fmt::format("SIG{}", ::sigabbrev_np(number)) : "a signal to another rank";
}

}  // namespace encore
