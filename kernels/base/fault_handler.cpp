#include "kernels/base/fault_handler.h"

#include <array>

namespace encore {
namespace {

struct Handler {
  MendFault mend = nullptr;
  struct sigaction before {};
};
std::array<Handler, NSIG> handlers;  // by signal; written before the signal's handler is installed

void on_fault(int signal, siginfo_t* info, void* context) {
  const Handler& handler = handlers[size_t(signal)];
  if (handler.mend(*info, context)) return;
  ::sigaction(signal, &handler.before, nullptr);
  // A fault comes again from its instruction, under the handler that was there before. A signal that was sent does not.
  if (info->si_code <= 0) ::raise(signal);
}

}  // namespace

void handle_fault(int signal, MendFault mend) {
  Handler& handler = handlers[size_t(signal)];
  handler.mend = mend;
  ::sigaction(signal, nullptr, &handler.before);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace encore
