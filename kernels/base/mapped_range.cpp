#include "kernels/base/mapped_range.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>

#include "kernels/base/fault_handler.h"

namespace encore {

// Entries are never freed: the handler may walk the list at any moment. A range that ends leaves its entry to the next.
struct MappedRange::Entry {
  std::atomic<uintptr_t> begin{0};  // 0: free
  std::atomic<size_t> bytes{0};
  std::atomic<bool> cut{false};
  Entry* next = nullptr;
};

namespace {

std::mutex changes;  // of the list, not of what the handler does
std::atomic<MappedRange::Entry*> first{nullptr};
uintptr_t page_bytes = 0;

// Puts zeros in place of the page that cannot be read and of all that follow. mmap is a bare system call, so it may be
// called here.
bool put_zeros(const siginfo_t& info, void*) {
  const auto address = reinterpret_cast<uintptr_t>(info.si_addr);
  for (MappedRange::Entry* e = first.load(); e; e = e->next) {
    const uintptr_t begin = e->begin.load();
    const size_t bytes = e->bytes.load();
    if (begin == 0 || address < begin || address - begin >= bytes) continue;
    const uintptr_t page = address / page_bytes * page_bytes;
    void* place = reinterpret_cast<void*>(page);
    if (::mmap(place, begin + bytes - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != place)
      return false;
    e->cut = true;
    return true;
  }
  return false;
}

void install_handler() {
  page_bytes = uintptr_t(::sysconf(_SC_PAGESIZE));
  handle_fault(SIGBUS, put_zeros);
}

}  // namespace

MappedRange::MappedRange(const void* data, size_t bytes) {
  static std::once_flag installed;
  std::call_once(installed, install_handler);
  const std::lock_guard<std::mutex> lock(changes);
  entry_ = first.load();
  while (entry_ && entry_->begin.load() != 0) entry_ = entry_->next;
  const bool added = !entry_;
  if (added) entry_ = new Entry;
  entry_->cut = false;
  entry_->bytes = bytes;
  entry_->begin = reinterpret_cast<uintptr_t>(data);
  if (!added) return;
  entry_->next = first.load();
  first.store(entry_);
}

MappedRange::~MappedRange() {
  entry_->begin = 0;
}

bool MappedRange::was_cut() const {
  return entry_->cut.load();
}

}  // namespace encore
