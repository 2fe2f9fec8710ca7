// Which Encore this is, for --version and for the files that it writes.
#pragma once

#include <string>

namespace encore {

std::string version();     // "0.1.0", of the project
std::string commit();      // "04727f2a9d3e", "04727f2a9d3e-dirty" if files differed from it, "unknown" without git
std::string build_kind();  // "Release"; with the sanitizers' names where there are any

}  // namespace encore
