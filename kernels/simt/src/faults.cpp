// A kernel's bad access (past shared memory, into a stack's guard page, through a wild pointer) becomes a report with
// its line: the signal handler returns into a function that fails the launch. x86-64 only; elsewhere the program ends,
// as it does under AddressSanitizer, which reports the access itself.
#include <signal.h>
#include <src/asan.h>
#include <src/block.h>
#include <ucontext.h>

#include <cstdlib>
#include <mutex>

namespace simt {

#if defined(__x86_64__) && !SIMT_ASAN

namespace {

struct Fault {
  const void* address;
  void* pc;
};
thread_local Fault fault;

[[noreturn]] void report_fault() {
  Block& b = *current_block;
  const std::string& where = site_name(reinterpret_cast<uintptr_t>(fault.pc) + 1);
  const long stack = b.memory.stack_guard(fault.address);
  if (stack >= 0) {
    fail({nullptr, 0}, "stack overflow at %s: a CUDA thread has %zu bytes here (Options::stack_bytes)", where.c_str(),
         b.memory.stack_size());
  }
  if (b.memory.near_dynamic(fault.address)) {
    fail({nullptr, 0}, "access at %s: dynamic shared offset %ld, but the launch has %zu bytes", where.c_str(),
         long(static_cast<const unsigned char*>(fault.address) - b.dynamic), b.dynamic_bytes);
  }
  fail({nullptr, 0}, "invalid memory access at %s: address %p", where.c_str(), fault.address);
}

void on_signal(int number, siginfo_t* info, void* context) {
  Block* b = current_block;
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (!b || !b->current) {
    signal(number, SIG_DFL);
    return;  // not a kernel's: the instruction runs again and ends the program
  }
  fault = {info->si_addr, reinterpret_cast<void*>(registers[REG_RIP])};
  auto stack = static_cast<uintptr_t>(registers[REG_RSP]);
  // A stack that has overflowed has no room left. The fiber never returns, so its frames may be overwritten.
  if (b->memory.stack_guard(fault.address) >= 0) {
    stack = reinterpret_cast<uintptr_t>(b->current->stack) + b->memory.stack_size();
  }
  registers[REG_RSP] = greg_t(((stack - 256) & ~uintptr_t(15)) - 8);  // past the red zone, as after a call
  registers[REG_RIP] = reinterpret_cast<greg_t>(&report_fault);
}

}  // namespace

void catch_faults() {
  static std::once_flag installed;
  std::call_once(installed, [] {
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
  });
  thread_local struct AlternateStack {
    char memory[64 * 1024];
    AlternateStack() {
      stack_t s{};
      s.ss_sp = memory;
      s.ss_size = sizeof memory;
      sigaltstack(&s, nullptr);
    }
    ~AlternateStack() {
      stack_t s{};
      s.ss_flags = SS_DISABLE;
      sigaltstack(&s, nullptr);
    }
  } alternate;
}

#else

void catch_faults() {}

#endif

}  // namespace simt
