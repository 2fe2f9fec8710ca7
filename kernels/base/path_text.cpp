#include "kernels/base/path_text.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <string_view>

#include "kernels/base/utf8.h"

namespace encore {
namespace {

constexpr std::string_view kEncoded = "percent:";

}  // namespace

std::string path_text(const std::string& path) {
  if (valid_utf8(path)) return path;
  std::string text(kEncoded);
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || c == '%')
      text += fmt::format("%{:02X}", byte);
    else
      text += c;
  }
  return text;
}

std::string path_of_text(const std::string& text) {
  if (!text.starts_with(kEncoded)) return text;
  std::string path;
  for (size_t i = kEncoded.size(); i < text.size(); ++i) {
    unsigned byte = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      path += char(byte);
      i += 2;
    } else {
      path += text[i];
    }
  }
  return path;
}

std::string absolute_path_text(const std::string& path) {
  if (path.empty() || path == "-") return path;
  return path_text(std::filesystem::absolute(path).lexically_normal().string());
}

}  // namespace encore
