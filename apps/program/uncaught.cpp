#include "apps/program/uncaught.h"

#include <errno.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

namespace encore {
namespace {

std::terminate_handler before = nullptr;

void write_text(const char* text) {
  // What cannot be written cannot be helped here.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

[[noreturn]] void on_terminate() {
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    write_text(program_invocation_short_name);
    write_text(": out of memory\n");
    ::_exit(70);
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
