#include "kernels/base/out_of_memory.h"

#include <errno.h>
#include <unistd.h>

#include <cstring>
#include <initializer_list>

namespace encore {

void end_without_memory(const char* detail) {
  for (const char* text : {static_cast<const char*>(program_invocation_short_name), ": out of memory", detail, "\n"}) {
    // What cannot be written cannot be helped here.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
  }
  ::_exit(70);
}

}  // namespace encore
