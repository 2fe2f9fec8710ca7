// What programs show on a terminal: how far they are, and nothing of it when they are done.
#include "tests/apps/program.h"
#include "tests/train/terminal.h"

namespace encore::test {
namespace {

// What a program wrote on its standard error, a terminal, while its standard output was a file.
std::string errors_of(std::vector<std::string> words) {
  int terminal = -1, program = -1;
  struct winsize size {
    .ws_row = 24, .ws_col = 100
  };
  if (::openpty(&terminal, &program, nullptr, nullptr, &size) != 0) return "no terminal";
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setenv("TERM", "xterm", 1);
    ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
    ::dup2(program, STDERR_FILENO);
    std::vector<char*> pointers;
    for (std::string& w : words) pointers.push_back(w.data());
    pointers.push_back(nullptr);
    ::execvp(pointers[0], pointers.data());
    ::_exit(127);
  }
  ::close(program);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(terminal, buffer, sizeof buffer)) > 0;) text.append(buffer, size_t(n));
  int status = 0;
  ::waitpid(pid, &status, 0);
  ::close(terminal);
  EXPECT_EQ(status, 0) << text;
  return text;
}

TEST(OnTerminal, FinetuneAndPredictAndEmbedShowHowFarTheyAre) {
  const TemporaryFolder place;
  std::string rows;
  for (int i = 0; i < 60; ++i)
    rows += fmt::format("{{\"text\": \"row {} is {}\", \"label\": \"{}\"}}\n", i, i % 2, i % 2);
  write_text(place / "rows.jsonl", rows);
  const std::string model = std::string(ENCORE_SOURCE_DIR) + "/models/encore-mini", data = place / "rows.jsonl";
  const std::string tuning =
      errors_of({program("finetune"), "--model", model, "--train", data, "--dev", data, "--output", place / "task",
                 "--epochs", "2", "--batch-sequences", "6", "--device", "cpu"});
  EXPECT_NE(tuning.find("seed 0, epoch 2/2  ["), tuning.npos) << tuning;
  EXPECT_NE(tuning.find("/10 steps"), tuning.npos) << tuning;
  for (const auto& words :
       {std::vector<std::string>{program("predict"), "--model", place / "task/model"},
        std::vector<std::string>{program("embed"), "--model", model, "--output", place / "v.npy"}}) {
    auto command = words;
    command.insert(command.end(), {"--data", data, "--seq-length", "6", "--device", "cpu", "--tokens-per-batch", "64"});
    const std::string text = errors_of(command);
    EXPECT_NE(text.find("/60 rows"), text.npos) << text;
    Screen screen(100, true);
    screen.feed(text);
    EXPECT_EQ(screen.errors(), "");
    std::string left;
    for (const std::string& row : screen.rows()) left += row + "\n";
    EXPECT_EQ(left.find("rows/s"), left.npos) << "the bar is erased at the end: " << left;
    EXPECT_NE(left.find("27 of 60 rows were cut to 6 tokens"), left.npos) << left;
  }
}

}  // namespace
}  // namespace encore::test
