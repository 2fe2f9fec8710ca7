// The end of a program that gets no memory where nothing can be thrown: in a signal's handler, or where no code
// catches.
#pragma once

namespace encore {

// Writes "PROGRAM: out of memory" and `detail` as one line to standard error, and ends the process with 70. Makes
// system calls alone: no memory, no lock, no destructor.
[[noreturn]] void end_without_memory(const char* detail = "");

}  // namespace encore
