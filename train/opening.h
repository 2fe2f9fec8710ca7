// What a program says before its work begins.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "optim/communicator.h"

namespace encore {

// What is said before the first step. A refusal leaves standard output empty, so lines wait until nothing can be
// refused any more; a person at a terminal sees them at once.
class Opening {
 public:
  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
    if (::isatty(STDOUT_FILENO) && !under_mpi()) publish();
  }
  void publish() {
    std::fwrite(text_.data(), 1, text_.size(), stdout);
    std::fflush(stdout);
    text_.clear();
  }

 private:
  std::string text_;
};

}  // namespace encore
