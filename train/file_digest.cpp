#include "train/file_digest.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "kernels/base/hash.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

constexpr uint64_t kPart = uint64_t(1) << 20;
constexpr uint64_t kParts = 64;

// i / (kParts - 1) of the size, rounded down.
uint64_t spread(uint64_t size, uint64_t i) {
  constexpr uint64_t kSteps = kParts - 1;
  return size / kSteps * i + size % kSteps * i / kSteps;
}

void add_part(Hasher& hash, std::ifstream& in, uint64_t offset, std::vector<char>& part) {
  in.seekg(std::streamoff(offset));
  in.read(part.data(), std::streamsize(part.size()));
  hash.add(uint64_t(in.gcount())).add(part.data(), size_t(in.gcount()));
}

void add_file(Hasher& hash, const std::string& file) {
  std::error_code error;
  std::ifstream in(file, std::ios::binary);
  const uint64_t size = in && fs::is_regular_file(file, error) ? fs::file_size(file, error) : UINT64_MAX;
  hash.add(size);
  if (size == UINT64_MAX) return;
  const uint64_t parts = std::min(kParts, (size + kPart - 1) / kPart);
  std::vector<char> part(kPart);
  for (uint64_t i = 0; i < parts; ++i) {
    in.clear();
    add_part(hash, in, parts < kParts ? i * kPart : spread(size - kPart, i), part);
  }
}

}  // namespace

uint64_t sample_digest(const std::vector<std::string>& files) {
  Hasher hash;
  for (const std::string& file : files) add_file(hash, file);
  return hash.digest();
}

std::vector<std::string> weight_files(const std::string& model_dir) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(model_dir, error))
    if (const fs::path ending = entry.path().extension(); ending == ".safetensors" || ending == ".bin")
      files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace encore
