// A VampireBatch in backend memory: the entries by document and by word, the documents' keys, and draws that were
// given. The memory is allocated once, for the largest batch, and a batch is uploaded by one copy.
#pragma once

#include <vector>

#include "kernels/backend.h"
#include "kernels/base/arena.h"
#include "model/vampire/vampire_model.h"

namespace encore {

class DeviceBags {
 public:
  DeviceBags() = default;
  ~DeviceBags() { release(); }
  DeviceBags(const DeviceBags&) = delete;
  DeviceBags& operator=(const DeviceBags&) = delete;

  static size_t bytes(const VampireCapacity&, const VampireConfig&);
  void allocate(Backend&, const VampireCapacity&, const VampireConfig&);
  void release();
  // by_word: training needs the entries sorted by word, too. REQUIRES: check_batch, and the batch fits the capacity.
  void upload(const VampireBatch&, const VampireDraws&, bool by_word);

  Bags bags;
  BagsByWord by_word;
  Tensor document_keys;
  Tensor noise, keep;  // absent: not given

 private:
  struct Counts {
    int64_t documents, entries;
    bool by_word, noise, keep;
  };
  void lay_out(Arena&, const Counts&);
  void sort_by_word(const VampireBatch&, char* image);

  Backend* backend_ = nullptr;
  VampireConfig config_;
  size_t capacity_ = 0;
  char* memory_ = nullptr;
  std::vector<char> image_;  // of the memory, on the host
};

}  // namespace encore
