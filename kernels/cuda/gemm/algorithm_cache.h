// The algorithms that were chosen by timing, kept on disk for the next program: one file for each device model and
// version of cuBLASLt, in $ENCORE_CACHE (else ~/.cache/encore). A damaged file is written anew. Without a folder that
// can be written, nothing is kept. Neither is an error.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "kernels/cuda/gemm/product.h"

namespace encore::cuda {

class AlgorithmCache {
 public:
  // Reads the file. One line on standard error when it is damaged.
  AlgorithmCache(const std::string& device, size_t library_version);
  // Writes what was added, merged with what other processes have added. One line on standard error when that fails.
  ~AlgorithmCache();
  AlgorithmCache(const AlgorithmCache&) = delete;
  AlgorithmCache& operator=(const AlgorithmCache&) = delete;

  std::optional<cublasLtMatmulAlgo_t> find(const Product&) const;
  void add(const Product&, const cublasLtMatmulAlgo_t&);
  const std::string& path() const { return path_; }  // empty: nothing is kept

 private:
  using Entries = std::map<std::string, std::string>;  // Product::str(): the algorithm's bytes in hex
  Entries read() const;

  std::string path_;
  Entries entries_;
  bool changed_ = false;
};

}  // namespace encore::cuda
