#include "model/safetensors.h"

#include <cmath>
#include <limits>

#include "model/half.h"
#include "tests/model/test_files.h"

namespace encore {
namespace {

std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[size_t(i)] = char(uint64_t(header.size()) >> 8 * i & 0xff);
  return bytes + header + data;
}

std::string floats(std::initializer_list<float> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(float)};
}

TensorMap parse(const std::string& bytes) {
  TensorMap tensors;
  MetadataMap metadata;
  parse_safetensors(as_bytes(bytes), "x.safetensors", tensors, metadata);
  return tensors;
}

void expect_bad_header(const std::string& header, const std::string& data, std::initializer_list<const char*> parts) {
  const std::string bytes = file_of(header, data);
  expect_refusal([&] { parse(bytes); }, parts);
  expect_refusal([&] { parse(bytes); }, {"x.safetensors"});
}

TEST(Safetensors, ReadsDtypesShapesAndMetadata) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("scalar":{"dtype":"F16","shape":[],"data_offsets":[8,10]},"none":{"dtype":"I64","shape":[0,7],"data_offsets":[10,10]}})";
  const std::string bytes = file_of(header, floats({1.5f, -2}) + std::string("\x00\x3c", 2));
  TensorMap tensors;
  MetadataMap metadata;
  parse_safetensors(as_bytes(bytes), "x", tensors, metadata);
  EXPECT_EQ(metadata, (MetadataMap{{"format", "pt"}}));
  EXPECT_EQ(tensors.at("a").shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(to_f32(tensors.at("a"), "a"), (std::vector<float>{1.5f, -2}));
  EXPECT_EQ(to_f32(tensors.at("scalar"), "scalar"), (std::vector<float>{1}));
  EXPECT_EQ(tensors.at("none").bytes, 0u);
  expect_refusal([&] { to_f32(tensors.at("none"), "none"); }, {"none", "I64"});
}

TEST(Safetensors, ReadsDoubles) {
  const double values[] = {0.1, 1e300};
  const std::string bytes = file_of(R"({"d":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}})",
                                    {reinterpret_cast<const char*>(values), sizeof values});
  EXPECT_EQ(to_f32(parse(bytes).at("d"), "d"), (std::vector<float>{0.1f, std::numeric_limits<float>::infinity()}));
}

TEST(Safetensors, LyingHeaders) {
  const std::string data = floats({1, 2});
  const auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"t":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  EXPECT_EQ(parse(file_of(one("\"F32\"", "[2]", "[0,8]"), data)).size(), 1u);
  expect_bad_header(one("\"F32\"", "[3]", "[0,12]"), data, {"'t'", "[0, 12]", "outside the 8 bytes"});
  expect_bad_header(one("\"F32\"", "[3]", "[0,8]"), data, {"'t'", "[3]", "8 bytes"});
  expect_bad_header(one("\"F16\"", "[2]", "[0,8]"), data, {"'t'", "F16"});
  expect_bad_header(one("\"F32\"", "[2]", "[8,0]"), data, {"'t'", "[8, 0]"});
  expect_bad_header(one("\"F32\"", "[1]", "[0,4]"), data, {"describes 4 bytes", "holds 8"});
  expect_bad_header(one("\"F32\"", "[1]", "[4,8]"), data, {"gap"});
  expect_bad_header(one("\"F99\"", "[2]", "[0,8]"), data, {"'t'", "unknown dtype", "F99"});
  expect_bad_header(one("7", "[2]", "[0,8]"), data, {"'t'", "dtype"});
  expect_bad_header(one("\"F32\"", "[-2]", "[0,8]"), data, {"'t'", "shape"});
  expect_bad_header(one("\"F32\"", "[2.0]", "[0,8]"), data, {"'t'", "shape"});
  expect_bad_header(one("\"F32\"", "2", "[0,8]"), data, {"'t'", "shape"});
  expect_bad_header(one("\"F32\"", "[2]", "[0]"), data, {"'t'", "data_offsets"});
  expect_bad_header(one("\"F32\"", "[2]", "[-1,8]"), data, {"'t'", "data_offsets"});
  expect_bad_header(one("\"F32\"", "[2]", "[0,18446744073709551615]"), data, {"'t'", "outside"});
  // Products that wrap around 64 bits: 2^62 * 4 + 8, and 2^32 * 2^32.
  expect_bad_header(one("\"F32\"", "[4611686018427387906]", "[0,8]"), data, {"'t'"});
  expect_bad_header(one("\"U8\"", "[4294967296,4294967296]", "[0,0]"), "", {"'t'"});
  expect_bad_header(one("\"F32\"", "[9223372036854775809]", "[0,8]"), data, {"'t'", "shape"});
  expect_bad_header(R"({"t":5})", data, {"'t'"});
  expect_bad_header(R"({"__metadata__":{"a":1}})", "", {"__metadata__", "'a'"});
  expect_bad_header(R"({"__metadata__":[]})", "", {"__metadata__"});
  expect_bad_header("[]", "", {"object"});
  expect_bad_header("{", "", {"JSON"});
  expect_bad_header(std::string(50000, '['), "", {"header"});
  expect_bad_header("{\"a\nb\":1}", "", {"JSON"});
}

TEST(Safetensors, OverlapsAndDuplicates) {
  const std::string data = floats({1, 2, 3});
  const std::string a = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  expect_bad_header("{" + a + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", data, {"'b'", "inside"});
  expect_bad_header("{" + a + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", floats({1, 2}), {"inside"});
  expect_bad_header("{" + a + "," + a + "}", floats({1, 2}), {"'a'", "twice"});
}

TEST(Safetensors, LyingLengths) {
  for (size_t n = 0; n < 8; ++n) expect_refusal([&] { parse(std::string(n, 'a')); }, {"x.safetensors"});
  expect_refusal([] { parse(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)); }, {"header claims"});
  expect_refusal([] { parse(std::string("\x03\0\0\0\0\0\0\0{}", 10)); }, {"header claims 3 bytes of a file of 10"});
  EXPECT_TRUE(parse(std::string("\x02\0\0\0\0\0\0\0{}", 10)).empty());
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const std::string whole = file_of(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})", floats({1, 2, 3}));
  EXPECT_EQ(parse(whole).size(), 1u);
  // Each copy has its exact size, so that AddressSanitizer reports a read past the end.
  for (size_t n = 0; n < whole.size(); ++n) refusal([&] { parse(std::string(whole.begin(), whole.begin() + n)); });
}

TEST(Safetensors, WritesWhatItReads) {
  TempDir dir;
  const std::vector<float> values = {1, -0.0f, 1e-30f, 3.14159265f, 70000, std::numeric_limits<float>::infinity()};
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    const std::string path = dir / "m.safetensors";
    write_safetensors(path,
                      {{"z", {2, 3}, [&] { return values; }},
                       {"a", {1}, [] { return std::vector<float>{0.5f}; }},
                       {"empty", {0, 4}, [] { return std::vector<float>{}; }}},
                      dtype);
    const auto file = SafetensorsFile::open(path);
    EXPECT_EQ(file->metadata().at("format"), "pt");
    EXPECT_EQ(file->tensors().at("z").shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(file->tensors().at("a").data - file->tensors().at("z").data, int64_t(6 * size_of(dtype)));
    EXPECT_EQ((reinterpret_cast<uintptr_t>(file->tensors().at("z").data)) % 8, 0u);
    const std::vector<float> back = to_f32(file->tensors().at("z"), "z");
    for (size_t i = 0; i < values.size(); ++i) {
      const float rounded = dtype == DType::kF32    ? values[i]
                            : dtype == DType::kBF16 ? to_float(to_bf16(values[i]))
                                                    : half_to_float(float_to_half(values[i]));
      EXPECT_EQ(std::bit_cast<uint32_t>(back[i]), std::bit_cast<uint32_t>(rounded)) << i;
    }
  }
}

TEST(Safetensors, AFailingWriteLeavesTheOldFile) {
  TempDir dir;
  const std::string path = dir / "m.safetensors";
  write_safetensors(path, {{"a", {1}, [] { return std::vector<float>{1}; }}}, DType::kF32);
  const std::string before = read_file(path);
  expect_refusal(
      [&] {
        write_safetensors(path, {{"a", {2}, [] { return std::vector<float>{1}; }}}, DType::kF32);
      },
      {"m.safetensors", "'a'", "[2]"});
  EXPECT_EQ(read_file(path), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
  const auto one = [] { return std::vector<float>{1}; };
  expect_refusal([&] { write_safetensors(path, {{"a", {1}, one}, {"a", {1}, one}}, DType::kF32); }, {"twice"});
  expect_refusal([&] { write_safetensors(path, {{"a", {1}, one}}, DType::kI64); }, {"i64"});
  try {
    write_safetensors(dir / "no/such/m.safetensors", {{"a", {1}, one}}, DType::kF32);
    ADD_FAILURE() << "no error";
  } catch (const IoError& e) {
    EXPECT_EQ(e.exit_code(), 74);
  }
}

TEST(Half, RoundTripsEveryValue) {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const float value = half_to_float(uint16_t(h));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
      continue;
    }
    ASSERT_EQ(float_to_half(value), h) << value;
  }
}

TEST(Half, RoundsToNearestEven) {
  // Between two neighbours, a quarter of the way rounds down, three quarters round up, and the middle rounds to even.
  for (uint32_t h = 0; h < 0x7bff; h += 13) {
    const double low = half_to_float(uint16_t(h)), high = half_to_float(uint16_t(h + 1));
    EXPECT_EQ(float_to_half(float(low + 0.25 * (high - low))), h);
    EXPECT_EQ(float_to_half(float(low + 0.75 * (high - low))), h + 1);
    EXPECT_EQ(float_to_half(float(low + 0.5 * (high - low))), h + (h & 1));
    EXPECT_EQ(float_to_half(-float(low + 0.75 * (high - low))), (h + 1) | 0x8000u);
  }
  EXPECT_EQ(float_to_half(65519.0f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(-1e30f), 0xfc00);
  EXPECT_EQ(float_to_half(0x1.0p-25f), 0);
  EXPECT_EQ(float_to_half(0x1.8p-25f), 1);
}

}  // namespace
}  // namespace encore
