#include "kernels/cuda/gemm/algorithm_cache.h"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "kernels/base/atomic_file.h"
#include "kernels/base/cache_folder.h"
#include "kernels/base/check.h"

namespace encore::cuda {
namespace {

constexpr std::string_view kHeader = "encore matrix product algorithms 1";
constexpr size_t kMostEntries = 4096;  // half a megabyte
constexpr size_t kHexDigits = 2 * sizeof(cublasLtMatmulAlgo_t);

// FNV-1a.
uint64_t checksum(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325u;
  for (const char c : text) h = (h ^ uint8_t(c)) * 0x100000001b3u;
  return h;
}

// Empty where there is no folder to keep things in.
std::string file_path(const std::string& device, size_t version) try {
  std::string name;
  for (const char c : device) name += std::isalnum(uint8_t(c)) ? c : '_';
  return fmt::format("{}/matmul-{}-cublaslt-{}.txt", cache_folder(), name, version);
} catch (const Error&) {
  return "";
}

std::string to_hex(const cublasLtMatmulAlgo_t& algorithm) {
  std::string hex;
  for (size_t i = 0; i < sizeof algorithm; ++i)
    hex += fmt::format("{:02x}", reinterpret_cast<const uint8_t*>(&algorithm)[i]);
  return hex;
}

cublasLtMatmulAlgo_t from_hex(const std::string& hex) {
  cublasLtMatmulAlgo_t algorithm{};
  for (size_t i = 0; i < sizeof algorithm; ++i)
    std::from_chars(&hex[2 * i], &hex[2 * i] + 2, reinterpret_cast<uint8_t*>(&algorithm)[i], 16);
  return algorithm;
}

template <class... A>
void note(fmt::format_string<A...> format, A&&... arguments) {
  fmt::print(stderr, "note: {}\n", fmt::format(format, std::forward<A>(arguments)...));
}

}  // namespace

AlgorithmCache::AlgorithmCache(const std::string& device, size_t library_version)
    : path_(file_path(device, library_version)), entries_(read()) {}

AlgorithmCache::~AlgorithmCache() {
  if (!changed_ || path_.empty()) return;
  Entries all = read();
  for (const auto& [product, algorithm] : entries_)
    if (all.size() < kMostEntries || all.contains(product)) all[product] = algorithm;
  std::string text(kHeader);
  text += '\n';
  for (const auto& [product, algorithm] : all) text += algorithm + ' ' + product + '\n';
  text += fmt::format("checksum {:016x}\n", checksum(text));
  try {
    write_file_atomic(path_, text);
  } catch (const Error& e) {
    note("the algorithms of matrix products are not kept: {}", e.what());
  }
}

AlgorithmCache::Entries AlgorithmCache::read() const {
  std::ifstream in(path_, std::ios::binary);
  if (path_.empty() || !in) return {};
  std::stringstream whole;
  whole << in.rdbuf();
  const std::string text = whole.str();
  const auto damaged = [&](const char* why) {
    note("{}: {}: the algorithms of matrix products are chosen anew", path_, why);
    return Entries{};
  };
  const size_t end = text.rfind("checksum ");
  if (!text.starts_with(kHeader) || end == std::string::npos) return damaged("not a whole file of this kind");
  if (text.substr(end) != fmt::format("checksum {:016x}\n", checksum(std::string_view(text).substr(0, end))))
    return damaged("its checksum is wrong");
  Entries entries;
  std::istringstream lines(text.substr(kHeader.size() + 1, end - kHeader.size() - 1));
  for (std::string line; std::getline(lines, line);) {
    if (line.size() <= kHexDigits + 1 || line.find_first_not_of("0123456789abcdef") != kHexDigits)
      return damaged("a line is malformed");
    entries[line.substr(kHexDigits + 1)] = line.substr(0, kHexDigits);
  }
  return entries;
}

std::optional<cublasLtMatmulAlgo_t> AlgorithmCache::find(const Product& p) const {
  const auto found = entries_.find(p.str());
  if (found == entries_.end()) return std::nullopt;
  return from_hex(found->second);
}

void AlgorithmCache::add(const Product& p, const cublasLtMatmulAlgo_t& algorithm) {
  if (entries_.size() >= kMostEntries) return;
  entries_[p.str()] = to_hex(algorithm);
  changed_ = true;
}

}  // namespace encore::cuda
