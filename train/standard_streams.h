// Standard input, output and error of a program: open from its start, and results that were written in full.
#pragma once

namespace encore {

// Opens those of the descriptors 0 to 2 that are closed: otherwise the first files that the program opens would get
// these numbers, and output would run into them. What is then read from one or written to it fails.
void open_standard_descriptors();

// Gives standard output a buffer that holds what a program prints while it may still refuse, which drops it. A terminal
// gets its lines at once.
void buffer_output();

// Of a program whose standard output is its result. Throws IoError when a part of it could not be written.
void check_output_written();

// Of a program whose standard output tells how the work goes on while the result goes into files: from here on, what
// cannot be written (no reader any more, a full disk, a terminal that hung up) is dropped, and the work goes on.
void drop_unwritable_output();

}  // namespace encore
