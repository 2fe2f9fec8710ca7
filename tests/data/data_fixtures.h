// Folders, packed files and a tokenizer with simple ids, for the tests of the data path.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/sequences/dataset.h"
#include "data/tokenizer/tokenizer.h"
#include "kernels/base/check.h"
#include "kernels/base/utf8.h"

namespace encore::fixtures {

class TempDir {
 public:
  TempDir() {
    // In memory where possible, because the tests flush their caches to the disk some hundred times.
    const std::filesystem::path memory = "/dev/shm";
    const bool usable = ::access(memory.c_str(), W_OK | X_OK) == 0;
    std::string name = ((usable ? memory : std::filesystem::temp_directory_path()) / "encore-data-XXXXXX").string();
    if (!::mkdtemp(name.data())) ADD_FAILURE() << "no folder for the test";
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, std::string_view bytes) const {
    std::ofstream(file(name), std::ios::binary) << bytes;
    return file(name);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string gzip(std::string_view text) {
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = uInt(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = uInt(out.size());
  deflate(&z, Z_FINISH);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

inline std::string zstd(std::string_view text, bool checksum = true) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
  out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return out;
}

// <s> 0, <pad> 1, </s> 2, <unk> 3, byte b 4 + b, <mask> 260: a token for each byte, so lengths can be read off a text.
// More merges give ids from 261 on.
inline Tokenizer byte_tokenizer(const std::vector<std::pair<std::string, std::string>>& merges = {}) {
  std::vector<std::string> tokens{"<s>", "<pad>", "</s>", "<unk>"};
  char32_t next = 256;
  for (char32_t b = 0; b < 256; ++b) {
    const bool own = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    append_utf8(tokens.emplace_back(), own ? b : next++);
  }
  tokens.push_back("<mask>");
  for (const auto& [left, right] : merges) tokens.push_back(left + right);
  return Tokenizer::from_parts(tokens, merges);
}
constexpr int32_t kBos = 0, kPad = 1, kEos = 2, kMask = 260;
inline int32_t id_of(char c) {
  return 4 + int32_t(static_cast<unsigned char>(c));
}

// Runs `f`, which must throw Error; returns its message. exit: the expected exit code.
template <class F>
std::string error_of(F&& f, int exit = 2) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.exit_code(), exit) << e.what();
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << "more than one line: " << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

// The message holds every part.
inline void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(message.find(part), std::string::npos) << "no '" << part << "' in: " << message;
}

inline std::string shared_path(const std::string& path) {
  return std::string(ENCORE_SOURCE_DIR "/../shared/") + path;
}

}  // namespace encore::fixtures
