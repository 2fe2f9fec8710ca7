// The folder of files that programs can make again, such as token caches and tuning results.
#pragma once

#include <string>

namespace encore {

// `dir`, else $ENCORE_CACHE, else ~/.cache/encore; made if missing. Throws Error when it cannot be made or written to.
std::string cache_folder(const std::string& dir = "");

}  // namespace encore
