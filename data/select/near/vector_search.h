// Largest inner products in single precision, by faiss. What it finds are candidates: their order, and which of equals
// are among them, is left to faiss (data/select/near/nearest_rows.h makes the result exact).
//
// The implementation is a shared object of its own, libencore_faiss.so, opened at run time: programs start on machines
// without faiss and without a BLAS.
#pragma once

#include <cstdint>
#include <memory>

namespace encore {

class VectorSearch {
 public:
  virtual ~VectorSearch() = default;

  // All arrays are row-major; vectors have `columns` numbers.
  struct Vectors {
    const float* data = nullptr;
    int64_t rows = 0, columns = 0;
  };
  // [queries, k] by falling score; id -1 behind the last, where there are fewer than k.
  struct Found {
    int64_t k = 0;
    float* score = nullptr;
    int64_t* id = nullptr;
  };

  virtual void use_threads(int threads) = 0;
  // Among all rows.
  virtual void nearest(Vectors queries, Vectors rows, Found) = 0;

  // An inverted file of vectors with 8 bits a number: learns `lists` parts of the space from a sample, then takes rows,
  // which are numbered from 0. A search reads the `probed` nearest parts.
  virtual void learn_index(Vectors sample, int64_t lists) = 0;
  virtual void add_to_index(Vectors rows) = 0;
  virtual void nearest_in_index(Vectors queries, int64_t probed, Found) = 0;
};

// Throws Error, in one line, where the program was built without faiss.
std::unique_ptr<VectorSearch> open_vector_search();
// Whether it was built with faiss.
bool has_vector_search();

}  // namespace encore
