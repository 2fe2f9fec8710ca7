// The lines that a program prints before its work begins.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "optim/communicator.h"

namespace encore {

// Holds back the lines before the first step until the run can no longer be refused, since a refusal leaves standard
// output empty. At a terminal the lines appear at once.
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
