// What --version prints.
#pragma once

#include <string>

namespace encore {

// Version, commit, build kind, and what the processor's backend uses; a line each.
std::string version_text(const std::string& program);

}  // namespace encore
