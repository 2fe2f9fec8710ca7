// Paths as text: every path comes back byte for byte.
#include "kernels/base/path_text.h"

#include <gtest/gtest.h>

#include "kernels/base/utf8.h"

namespace encore {
namespace {

TEST(PathText, EveryPathComesBack) {
  for (const std::string path : {"/a/b c", "/M\xc3\xbcller/100%", "/M\xfcller/100%/%41", "/two\nlines", "/\xff\xfe", "",
                                 "/tail\xc3", "percent", "%", "/\x80%"}) {
    const std::string text = path_text(path);
    EXPECT_TRUE(valid_utf8(text)) << text;
    EXPECT_EQ(path_of_text(text), path) << text;
  }
  EXPECT_EQ(path_text("/M\xc3\xbcller"), "/M\xc3\xbcller");
  EXPECT_EQ(path_text("/M\xfcller"), "percent:/M%FCller");
  EXPECT_EQ(path_of_text("percent:/a%"), "/a%");
  EXPECT_EQ(path_of_text("percent:/a%4"), "/a%4");
  EXPECT_EQ(path_of_text("percent:/a%GG"), "/a%GG");
}

TEST(PathText, AbsolutePaths) {
  EXPECT_EQ(absolute_path_text("/a/./b/../c"), "/a/c");
  EXPECT_EQ(absolute_path_text("-"), "-");
  EXPECT_EQ(absolute_path_text(""), "");
  EXPECT_EQ(absolute_path_text("x")[0], '/');
}

}  // namespace
}  // namespace encore
