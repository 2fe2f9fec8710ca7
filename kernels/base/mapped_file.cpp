#include "kernels/base/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "kernels/base/check.h"

namespace encore {

MappedFile::MappedFile(const std::string& path) : file_(path), size_(size_t(file_.size())) {
  if (size_ == 0) return;
  void* memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_.descriptor(), 0);
  if (memory == MAP_FAILED) fail("{}: cannot be read: {}", path, std::strerror(errno));
  data_ = static_cast<const uint8_t*>(memory);
  range_.emplace(data_, size_);
}

MappedFile::~MappedFile() {
  range_.reset();
  if (data_) ::munmap(const_cast<uint8_t*>(data_), size_);
}

void MappedFile::check_whole() const {
  file_.check_size();
  if (range_ && range_->was_cut()) fail_io("{}: became shorter while it was read, or the disk failed", file_.path());
}

}  // namespace encore
