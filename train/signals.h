// Being asked to stop: SIGTERM, SIGUSR1 and SIGINT set a flag that the run reads after each step.
#pragma once

namespace encore {

// Also has writes beyond a file-size limit fail with an error instead of ending the process (SIGXFSZ), so that a full
// disk and a full quota are told alike. A second SIGINT ends the process at once.
void install_stop_signals();

// The signal that came, 0 if none.
int stop_signal();

}  // namespace encore
