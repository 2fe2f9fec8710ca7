// Handlers of the signals that a fault raises: SIGBUS, SIGSEGV.
#pragma once

#include <signal.h>

namespace encore {

// Called in the signal's context: async-signal-safe calls only. True: the cause is gone, the instruction runs again.
using MendFault = bool (*)(const siginfo_t& info, void* context);

// From now on `mend` sees every `signal` first. What it does not mend goes to the handler that was there before.
// REQUIRES: once for each signal.
void handle_fault(int signal, MendFault mend);

}  // namespace encore
