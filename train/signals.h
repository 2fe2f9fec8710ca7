// Stop signals: SIGTERM, SIGHUP, SIGUSR1 and SIGINT set a flag that the run reads after each step.
#pragma once

#include <string>

namespace encore {

// Also ignores SIGXFSZ, so that a write beyond a file-size limit fails with an error, as on a full disk, instead of
// ending the process. A second SIGINT ends the process at once. SIGHUP stays ignored where nohup has it ignored.
void install_stop_signals();

// The signal that was received, 0 if none.
int stop_signal();
// For messages: "SIGTERM", or "a signal to another rank" where this process received none.
std::string stopped_by();

}  // namespace encore
