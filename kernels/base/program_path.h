// The folder of this program, and files of the project found from there.
#pragma once

#include <string>

namespace encore {

// The folder of the running program (/proc/self/exe).
std::string program_dir();

// A file or folder of the project ("models/encore-mini"), looked for in the folders above the program, so that any
// working folder will do. Throws Error naming what was looked for and where.
std::string project_path(const std::string& relative);

// A shared object of the project ("libencore_mpi.so"), beside the program or in ../lib. Empty if there is none.
std::string plugin_path(const std::string& file);

}  // namespace encore
