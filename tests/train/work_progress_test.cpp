// The line that says how far a piece of work is.
#include "train/work_progress.h"

#include <gtest/gtest.h>

namespace encore::test {
namespace {

TEST(WorkProgress, FitsEveryWidth) {
  const WorkProgress::Work work{.name = "seed 1, epoch 3/10", .unit = "steps", .total = 4000};
  for (int width = 1; width <= 120; ++width) {
    const std::string line = WorkProgress::line(work, 1000, 20, width);
    EXPECT_LE(int(line.size()), width);
    EXPECT_TRUE(width < 17 || line.find("1,000/4,000 steps") != line.npos) << width;
  }
  EXPECT_EQ(WorkProgress::line(work, 1000, 20, 120),
            "seed 1, epoch 3/10  [#####...............] 1,000/4,000 steps  50.0 steps/s  ETA 1 min 00 s");
  EXPECT_EQ(WorkProgress::line({.unit = "rows", .total = 7}, 0, 0, 60), "[....................] 0/7 rows");
  // What was done before the clock started makes no speed.
  EXPECT_NE(WorkProgress::line({.unit = "rows", .total = 20, .already = 10}, 12, 2, 60).find("1.0 rows/s"), size_t(-1));
}

TEST(WorkProgress, IsSilentWhereThereIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  {
    WorkProgress progress({.unit = "rows", .total = 10}, false, file);
    progress.add(5);
  }
  EXPECT_EQ(std::ftell(file), 0);
  std::fclose(file);
}

}  // namespace
}  // namespace encore::test
