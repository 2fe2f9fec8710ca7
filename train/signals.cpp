#include "train/signals.h"

#include <atomic>
#include <csignal>
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
  for (int number : {SIGTERM, SIGUSR1, SIGINT}) {
    struct sigaction action {};
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

}  // namespace encore
