// Exceptions that no code of the program can catch.
#pragma once

namespace encore {

// An out-of-memory error that ends the program where nothing catches it, such as in a library's start before main, is
// one line and exit code 70 in place of an abort. What is linked with this function works so from the first instruction
// on, called or not.
void report_uncaught();

}  // namespace encore
