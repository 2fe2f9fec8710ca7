#include "apps/program/uncaught.h"

#include <cstdlib>
#include <exception>
#include <new>

#include "kernels/base/out_of_memory.h"

namespace encore {
namespace {

std::terminate_handler before = nullptr;

[[noreturn]] void on_terminate() {
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    end_without_memory();
  } catch (...) {
  }
  before();
  std::abort();  // not reached: a terminate handler does not return
}

void install(int, char**, char**) {
  before = std::set_terminate(on_terminate);
}

// Runs before the initialisers of the shared libraries: oneDNN's allocate.
[[gnu::section(".preinit_array"), gnu::used]] void (*const first)(int, char**, char**) = install;

}  // namespace

void report_uncaught() {
  if (!before) install(0, nullptr, nullptr);
}

}  // namespace encore
