// The promises of work_in_order: results in order, and the first error.
#include "kernels/base/ordered_workers.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace encore::test {
namespace {

TEST(OrderedWorkers, GiveInTheOrderOfTaking) {
  for (const int threads : {1, 2, 7}) {
    int next = 0, given = 0;
    work_in_order<int>(
        threads, [&](int& piece) { return (piece = next++) < 500; }, [](int& piece) { piece *= 3; },
        [&](const int& piece) { ASSERT_EQ(piece, 3 * given++); });
    EXPECT_EQ(given, 500);
  }
}

// A source gives another error when it is called again after a failure. Only the first error may be reported.
TEST(OrderedWorkers, ReportsTheFirstErrorOfTheSource) {
  for (int turn = 0; turn < 300; ++turn) {
    int calls = 0;
    try {
      work_in_order<int>(
          8, [&](int&) -> bool { throw std::runtime_error(std::to_string(++calls)); }, [](int&) {}, [](int&) {});
      FAIL() << "no error";
    } catch (const std::runtime_error& e) {
      ASSERT_EQ(std::string(e.what()), "1") << "turn " << turn;
    }
    ASSERT_EQ(calls, 1) << "turn " << turn;
  }
}

}  // namespace
}  // namespace encore::test
