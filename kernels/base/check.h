// Errors that a user sees, and the one way to raise them.
//
// Every error carries the exit code of the program that it ends (docs/training.md, "Exit codes"):
//   Error            2  bad input: a flag, a file, a shape. One line: what was wrong, where, what to do.
//   PlacementError   2  more ranks on a machine than GPUs, or another mismatch of the two.
//   IoError         74  the disk or the file system failed while running.
//   DeviceError     70  a device or a communicator failed while running.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace encore {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, int exit_code = 2) : std::runtime_error(message), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

class IoError : public Error {
 public:
  explicit IoError(const std::string& message) : Error(message, 74) {}
};

// The ranks of a machine do not fit its GPUs. A type of its own, because --device auto falls back to the CPU on every
// other Error of a GPU, and must not on this one.
class PlacementError : public Error {
 public:
  using Error::Error;
};

class DeviceError : public Error {
 public:
  explicit DeviceError(const std::string& message) : Error(message, 70) {}
};

// fail("{}: line {}: ...", path, line): throws Error.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
[[noreturn]] void fail_io(fmt::format_string<Args...> format, Args&&... args) {
  throw IoError(fmt::format(format, std::forward<Args>(args)...));
}

// check(ok, "...", ...): throws Error unless ok. The arguments are formatted only on failure.
template <class... Args>
void check(bool ok, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) [[unlikely]]
    fail(format, std::forward<Args>(args)...);
}

}  // namespace encore
