// What a display on a terminal needs to know.
#pragma once

#include <cstdio>
#include <string>

namespace encore {

// Whether lines on this stream may be redrawn. mpirun gives its ranks a pseudo-terminal even if its own output is a
// file, so under it nothing is.
bool on_terminal(std::FILE*);
int terminal_columns(std::FILE*);  // 80 where it is not known

// Erases from the first column to the end of the screen.
inline constexpr const char* kEraseLine = "\r\033[J";

// "[####......] " for a share of 0 to 1, of `width` columns between the brackets.
std::string bar_of(double share, int width);

}  // namespace encore
