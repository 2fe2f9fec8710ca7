// Paths in JSON. A path is a string of bytes, JSON holds Unicode alone.
#pragma once

#include <string>

namespace encore {

// A path as text: itself if it is UTF-8; else "percent:" and the path with each byte that is not ASCII, and "%", as
// "%FC". path_of_text gives the path back, byte for byte.
std::string path_text(const std::string& path);
std::string path_of_text(const std::string& text);

// The absolute path, without "." and "..", as text. "" and "-" stay as they are.
std::string absolute_path_text(const std::string& path);

}  // namespace encore
