#include "kernels/cpu/onednn_memory.h"

#include <link.h>
#include <ucontext.h>

#include <cstdint>
#include <cstring>
#include <mutex>

#include "kernels/base/fault_handler.h"
#include "kernels/base/out_of_memory.h"

namespace encore::cpu {
namespace {

constexpr uintptr_t kNearNull = uintptr_t(1) << 20;  // an offset into a buffer that is not there

// What the handler reads; written before it is installed.
uintptr_t code_begin = UINTPTR_MAX, code_end = 0;  // of oneDNN's library

int find_onednn(dl_phdr_info* library, size_t, void*) {
  if (!std::strstr(library->dlpi_name, "libdnnl")) return 0;
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = library->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || !(part.p_flags & PF_X)) continue;
    code_begin = library->dlpi_addr + part.p_vaddr;
    code_end = code_begin + part.p_memsz;
  }
  return 1;
}

bool say_that_memory_is_missing(const siginfo_t& info, void* context) {
  const auto at = uintptr_t(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
  if (info.si_code <= 0 || uintptr_t(info.si_addr) >= kNearNull || at < code_begin || at >= code_end) return false;
  end_without_memory(": oneDNN got none for the code of a kernel");
}

}  // namespace

void report_onednn_without_memory() {
  static std::once_flag installed;
  std::call_once(installed, [] {
    ::dl_iterate_phdr(find_onednn, nullptr);
    handle_fault(SIGSEGV, say_that_memory_is_missing);
  });
}

}  // namespace encore::cpu
