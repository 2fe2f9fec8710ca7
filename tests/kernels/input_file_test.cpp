// Files of models and runs: what is refused at opening, a mapping whose file is cut, and the reader of JSON.
#include "kernels/base/input_file.h"

#include <sys/stat.h>

#include <cmath>
#include <ctime>

#include "kernels/base/mapped_file.h"
#include "kernels/base/read_json.h"
#include "tests/model/test_files.h"

namespace encore {
namespace {

TEST(InputFile, OnlyRegularFilesAreOpenedAndNothingWaits) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  for (const std::string& path : {dir / "pipe", dir.path(), std::string("/dev/zero"), std::string("/dev/tty")}) {
    expect_refusal([&] { InputFile file(path); }, {path.c_str(), "cannot be read"});
    expect_refusal([&] { MappedFile file(path); }, {path.c_str(), "cannot be read"});
    expect_refusal([&] { read_input_file(path); }, {path.c_str(), "cannot be read"});
    expect_refusal([&] { read_json_file(path); }, {path.c_str(), "cannot be read"});
  }
  expect_refusal([&] { InputFile file(dir / "none"); }, {"none", "No such file"});
  std::filesystem::create_symlink(dir / "file", dir / "link");
  write_file(dir / "file", "text");
  EXPECT_EQ(read_input_file(dir / "link"), "text");
}

// Without the handler of SIGBUS the second read would end the test.
TEST(MappedFile, AFileThatIsCutReadsAsZerosAndIsAnError) {
  const TempDir dir;
  const std::string path = dir / "file", bytes(20 * 4096 + 5, 'x');
  for (const size_t left : {size_t(0), size_t(4096), size_t(3 * 4096 + 7), bytes.size() - 1}) {
    write_file(path, bytes);
    const MappedFile first(path), cut(path), last(path);
    EXPECT_EQ(cut.text(), bytes);
    EXPECT_NO_THROW(cut.check_whole());
    std::filesystem::resize_file(path, left);
    EXPECT_EQ(std::count(cut.text().begin(), cut.text().end(), 'x'), std::ptrdiff_t(left));
    try {
      cut.reading([] { fail("what a reader says of the zeros"); });
      ADD_FAILURE() << left;
    } catch (const IoError& e) {
      EXPECT_NE(std::string(e.what()).find(path + ": became shorter"), std::string::npos) << e.what();
    }
  }
}

TEST(MappedFile, AFaultOutsideOfMappedFilesKillsAsBefore) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own handler ends the program";
#endif
  const TempDir dir;
  write_file(dir / "file", std::string(4096, 'x'));
  EXPECT_EXIT(
      {
        const MappedFile file(dir / "file");
        ::raise(SIGBUS);
        ::_exit(0);
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

nlohmann::json parse(const std::string& text) {
  return parse_json_object(text, "file.json");
}

TEST(ReadJson, Values) {
  const auto j = parse(R"({"a": [1, -2, 2.5, true, null, "\u00e9\"", {"b": [[], {}]}], "c": 18446744073709551615})");
  EXPECT_EQ(j.dump(), "{\"a\":[1,-2,2.5,true,null,\"\xc3\xa9\\\"\",{\"b\":[[],{}]}],\"c\":18446744073709551615}");
  EXPECT_EQ(parse("\xef\xbb\xbf{}"), nlohmann::json::object());  // the mark that Windows editors put first
}

TEST(ReadJson, PythonsWordsAndLargeNumbers) {
  const auto j =
      parse(R"({"a": NaN, "b": [Infinity, -Infinity], "NaN": "Infinity \" NaN", "c": 1000000000000000000000})");
  EXPECT_TRUE(std::isnan(j["a"].get<double>()));
  EXPECT_EQ(j["b"][0].get<double>(), INFINITY);
  EXPECT_EQ(j["b"][1].get<double>(), -INFINITY);
  EXPECT_EQ(j["NaN"], "Infinity \" NaN");
  EXPECT_EQ(j["c"].get<double>(), 1e21);
  EXPECT_EQ(shown_json(j["a"]) + shown_json(j["b"][1]) + shown_json(j["c"]), "NaN-Infinity1e+21");
}

TEST(ReadJson, FaultsHaveTheirLineAndKey) {
  const auto bad = [](const std::string& text) { return [text] { parse(text); }; };
  expect_refusal(bad("{\"a\": 1,\n \"b\": 1e999}"), {"file.json: line 2", "'b'", "1e999"});
  expect_refusal(bad("{\"a\": 1,\n\n \"b\": \"\\udc80\"}"), {"file.json: line 3", "'b'", "surrogate"});
  expect_refusal(bad("{\"a\": 1,\n \"b\": nan}"), {"line 2", "'b'"});
  expect_refusal(bad("{\"a\": NaN,\n \"b\": nan}"), {"line 2", "'b'"});
  expect_refusal(bad("{\"a\": {\"b\": 1, \"b\": 2}}"), {"'b' comes twice"});
  expect_refusal(bad("[1]"), {"array", "object is expected"});
  expect_refusal(bad("{} {}"), {"not valid JSON"});
  for (const char* text : {"", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "nul", "{\"a\": -}"})
    refusal(bad(text));
}

TEST(ReadJson, DepthIsBounded) {
  const auto nested = [](const std::string& open, const std::string& shut, int levels) {
    std::string text = "{\"deep\": ";
    for (int i = 0; i < levels; ++i) text += open;
    text += "1";
    for (int i = 0; i < levels; ++i) text += shut;
    return text + "}";
  };
  for (const char* const* shape : std::initializer_list<const char* const*>{(const char* const[]){"[", "]"},
                                                                            (const char* const[]){"{\"a\": ", "}"}}) {
    EXPECT_NO_THROW(parse(nested(shape[0], shape[1], 63)));
    for (const int levels : {64, 100000, 1000000})
      expect_refusal([&] { parse(nested(shape[0], shape[1], levels)); },
                     {"file.json", "deeper than 64", shape[0][0] == '[' ? "'deep'" : "'a'"});
  }
}

// A parser with a callback looked through all members at the end of each: a minute and more.
TEST(ReadJson, AMillionMembersTakeSeconds) {
  std::string text = "{";
  for (int i = 0; i < 1000000; ++i) text += fmt::format("{}\"t{}\": {{\"a\": [0, 0]}}", i ? "," : "", i);
  const std::clock_t start = std::clock();  // of this process: the machine may be busy
  EXPECT_EQ(parse(text + "}").size(), 1000000u);
  EXPECT_LT(double(std::clock() - start) / CLOCKS_PER_SEC, 20);
}

}  // namespace
}  // namespace encore
