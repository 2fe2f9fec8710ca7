// Shared objects of the project that programs open when they run (libencore_cuda.so, libencore_simt.so,
// libencore_mpi.so).
#pragma once

#include <string>

namespace encore {

// Opens a shared object for the life of the process, with the flags of dlopen(3). Throws Error, in one line, when it
// cannot be opened or was built from other headers than this program; its encore_interface() returns a hash of them
// (cmake/encore_targets.cmake). otherwise: what the user can do without it ("use --device cpu"), the end of that line.
void* open_plugin(const std::string& path, int flags, const std::string& otherwise);

}  // namespace encore
