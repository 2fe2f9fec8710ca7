// The progress bar on a terminal that changes its width, and its plain lines elsewhere.
#include "train/progress.h"

#include <chrono>
#include <thread>

#include "tests/apps/program.h"
#include "tests/train/terminal.h"

namespace encore::test {
namespace {

Progress::Status status(int64_t step) {
  return {.step = step,
          .epoch = double(step) / 100,
          .loss = 3.25,
          .lr = 5e-4,
          .grad_norm = 1.5,
          .tokens_per_second = 12345,
          .seconds_left = double(3000 - step)};
}

TEST(ProgressLine, FitsEveryWidthAndKeepsWhatMattersMost) {
  size_t before = 0;
  for (int width = 1; width <= 200; ++width) {
    const std::string line = Progress::line(status(120), 3000, width);
    EXPECT_LE(int(line.size()), width);
    EXPECT_EQ(line.find("[") != line.npos, width >= 40) << width;
    EXPECT_EQ(line.find("step 120/3000") != line.npos, width >= 13) << width;
    EXPECT_TRUE(width < 80 || line.find("loss 3.2500") != line.npos) << width;
    before = std::max(before, line.size());
  }
  EXPECT_GT(before, 110u) << "a wide window shows everything";
  EXPECT_EQ(Progress::line(status(120), 3000, 150).substr(0, 32), "[#.............................]");
  EXPECT_EQ(Progress::line(status(3000), 3000, 150).substr(0, 32), "[##############################]");
}

TEST(ProgressLine, SurvivesNumbersThatAreNone) {
  Progress::Status s = status(1);
  s.loss = s.grad_norm = s.seconds_left = std::nan("");
  EXPECT_LE(Progress::line(s, 0, 60).size(), 60u);
}

class OnTerminal : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Reflow, OnTerminal, testing::Bool(),
                         [](const auto& info) { return info.param ? "LinesBrokenAnew" : "LinesCut"; });

// The window shrinks and grows between any two draws. However the terminal rewraps its lines, the screen then shows
// only the messages and one row with the bar.
TEST_P(OnTerminal, RedrawsItselfWhenTheWindowChanges) {
  ::unsetenv("TERM");
  Pty pty(100);
  Screen screen(100, GetParam());
  std::FILE* out = ::fdopen(::dup(pty.slave()), "w");
  {
    Progress progress(50, false, 0, out);
    progress.message("memory plan");
    std::vector<std::string> said = {"memory plan"};
    int step = 0;
    for (const int width : {100, 40, 25, 9, 130, 60, 30, 90}) {
      pty.resize(width);
      screen.resize(width);
      std::this_thread::sleep_for(std::chrono::milliseconds(110));  // it draws ten times a second at most
      progress.step(status(++step));
      screen.feed(pty.read());
      const auto rows = screen.rows();
      ASSERT_EQ(rows.back().substr(0, 9), Progress::line(status(step), 50, width - 1).substr(0, 9)) << width;
      EXPECT_LT(int(rows.back().size()), width);
      if (width < 30) continue;
      progress.message("eval at " + std::to_string(step));
      screen.feed(pty.read());
      said.push_back("eval at " + std::to_string(step));
      EXPECT_TRUE(!GetParam() || screen.rows() == said) << width;
    }
    pty.resize(50);
    screen.resize(50);
  }
  std::fclose(out);
  screen.feed(pty.read());
  EXPECT_EQ(screen.errors(), "");
  EXPECT_EQ(screen.wraps(), 0) << "a line was wider than the window";
  const auto rows = screen.rows();
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](const auto& r) { return r.find("step") != r.npos; }), 0)
      << "the bar was erased before the last message";
}

TEST_P(OnTerminal, TheLastBarStaysAndWhatFollowsStandsBelow) {
  Pty pty(100);
  Screen screen(100, GetParam());
  std::FILE* out = ::fdopen(::dup(pty.slave()), "w");
  Progress progress(3, false, 0, out);
  progress.step(status(3));
  screen.feed(pty.read());
  pty.resize(45);
  screen.resize(45);
  progress.finish();
  progress.message("done");
  screen.feed(pty.read());
  std::fclose(out);
  const auto rows = screen.rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0], Progress::line(status(3), 3, 44));
  EXPECT_EQ(rows[1], "done");
}

std::string written_to_a_file(double line_seconds) {
  TemporaryFolder folder;
  std::FILE* out = std::fopen((folder / "out").c_str(), "w");
  {
    Progress progress(4, false, line_seconds, out);
    progress.message("begin");
    for (int step = 1; step <= 4; ++step) progress.step(status(step));
  }
  std::fclose(out);
  return read_text(folder / "out");
}

TEST(ProgressElsewhere, PrintsPlainLines) {
  const std::string all = written_to_a_file(0), few = written_to_a_file(1000);
  for (const char c : all) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 32) << int(c);
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 5);
  EXPECT_EQ(std::count(few.begin(), few.end(), '\n'), 3) << "the first and the last step:\n" << few;
  EXPECT_NE(few.find("step 4/4"), std::string::npos);
}

TEST(ProgressElsewhere, ADumbTerminalGetsPlainLines) {
  ::setenv("TERM", "dumb", 1);
  Pty pty(60);
  std::FILE* out = ::fdopen(::dup(pty.slave()), "w");
  Progress progress(2, false, 0, out);
  progress.step(status(1));
  EXPECT_EQ(pty.read().find('\033'), std::string::npos);
  ::unsetenv("TERM");
  std::fclose(out);
}

}  // namespace
}  // namespace encore::test
