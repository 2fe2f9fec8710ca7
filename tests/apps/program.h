// Starts the project's programs from tests.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/train/tiny_run.h"

namespace encore::test {

struct Outcome {
  int code = -1;  // 128 + signal when killed by one
  std::string out, err;
};

using Words = std::vector<std::string>;  // of a command

inline Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline std::string program(const std::string& name) {
  return std::string(ENCORE_BINARY_DIR) + "/bin/" + name;
}

class Process {
 public:
  // words[0] is a path or a name on PATH.
  explicit Process(std::vector<std::string> words) {
    pid_ = ::fork();
    if (pid_ == 0) {
      redirect(STDOUT_FILENO, folder_ / "out");
      redirect(STDERR_FILENO, folder_ / "err");
      std::vector<char*> pointers;
      for (std::string& w : words) pointers.push_back(w.data());
      pointers.push_back(nullptr);
      ::execvp(pointers[0], pointers.data());
      ::_exit(127);
    }
  }
  ~Process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }
  // Does nothing once the process has ended: kill(-1) would reach every process of the machine.
  void send(int signal) const {
    if (pid_ > 0) ::kill(pid_, signal);
  }
  pid_t pid() const { return pid_; }
  bool running() {
    if (pid_ <= 0) return false;
    if (::waitpid(pid_, &status_, WNOHANG) == 0) return true;
    pid_ = -1;
    return false;
  }
  Outcome wait() {
    if (pid_ > 0) ::waitpid(pid_, &status_, 0);
    pid_ = -1;
    return {.code = WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_),
            .out = read_text(folder_ / "out"),
            .err = read_text(folder_ / "err")};
  }

 private:
  static void redirect(int fd, const std::string& path) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ::dup2(file, fd);
  }
  TemporaryFolder folder_;
  pid_t pid_ = -1;
  int status_ = 0;
};

inline Outcome run(Words words) {
  return Process(std::move(words)).wait();
}

// The beginning of a command that computes with a model on one CPU thread.
inline Words computing(const std::string& name, const std::string& model) {
  return {program(name), "--model", model, "--threads", "1", "--dtype", "fp32", "--device", "cpu"};
}

// A training of a few small steps.
inline Words small_training(const TinyWorkplace& place, const std::string& output, int steps) {
  const Words text = {"--train", place.train(), "--eval", place.eval(), "--cache-dir", place.cache()};
  const Words size = {"--seq-length", "64", "--batch-sequences", "4", "--tokens-per-batch", "256"};
  return computing("dapt_train", place.model()) + text + size +
         Words{"--max-steps", std::to_string(steps), "--output", output};
}

}  // namespace encore::test
