#include "model/pickle.h"

#include <cstring>

#include "tests/model/pickle_bytes.h"
#include "tests/model/test_files.h"

namespace encore {
namespace {

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

const std::vector<float> kSix = {0, 1, 2, 3, 4, 5};

PytorchTensors parse(const std::string& bytes) {
  return parse_pytorch_tensors(as_bytes(bytes), "x.bin");
}

std::string zip_of(const std::string& root, const std::vector<ZipEntry>& storages, bool zip64 = false) {
  std::vector<ZipEntry> entries = {{"archive/data.pkl", root}};
  entries.insert(entries.end(), storages.begin(), storages.end());
  return zip_file(entries, zip64);
}

// One tensor "w" over a storage of six floats, in either container.
std::string legacy_one(const TensorSpec& t) {
  return legacy_file(pickle(dict_opcodes({t})), {{t.key, floats(kSix), 6}});
}
std::string zip_one(const TensorSpec& t) {
  return zip_of(pickle(dict_opcodes({t})), {{"archive/data/" + t.key, floats(kSix)}});
}

void expect_bad(const std::string& bytes, std::initializer_list<const char*> parts) {
  const std::string message = refusal([&] { parse(bytes); });
  EXPECT_TRUE(message.starts_with("x.bin: ")) << message;
  for (const char* part : parts) EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' in: " << message;
}
// The opcodes in place of the dictionary, in both containers.
void expect_bad_pickle(const std::string& opcodes, std::initializer_list<const char*> parts) {
  expect_bad(legacy_file(opcodes, {}), parts);
  expect_bad(zip_of(opcodes, {}), parts);
}

TEST(Pickle, TensorsOfEveryLayout) {
  struct Case {
    int64_t offset;
    std::vector<int64_t> shape, strides;
    std::vector<float> values;
  };
  const Case cases[] = {{0, {2, 3}, {3, 1}, {0, 1, 2, 3, 4, 5}},
                        {0, {3, 2}, {1, 3}, {0, 3, 1, 4, 2, 5}},  // transposed
                        {2, {2, 2}, {2, 1}, {2, 3, 4, 5}},
                        {1, {3}, {2}, {1, 3, 5}},
                        {4, {}, {}, {4}},
                        {0, {0, 9}, {9, 1}, {}},
                        {5, {1, 1}, {99, 7}, {5}},
                        {3, {2, 3}, {0, 1}, {3, 4, 5, 3, 4, 5}}};  // expanded
  for (const Case& c : cases) {
    const TensorSpec t{"w", "FloatStorage", "7", 6, c.offset, c.shape, c.strides};
    for (const std::string& bytes : {legacy_one(t), zip_one(t)}) {
      const PytorchTensors parsed = parse(bytes);
      EXPECT_EQ(parsed.tensors.at("w").shape, c.shape);
      EXPECT_EQ(to_f32(parsed.tensors.at("w"), "w"), c.values);
    }
  }
}

TEST(Pickle, EveryStorageType) {
  const std::pair<const char*, const char*> types[] = {
      {"FloatStorage", "F32"}, {"HalfStorage", "F16"}, {"BFloat16Storage", "BF16"}, {"DoubleStorage", "F64"},
      {"LongStorage", "I64"},  {"IntStorage", "I32"},  {"ShortStorage", "I16"},     {"CharStorage", "I8"},
      {"ByteStorage", "U8"},   {"BoolStorage", "BOOL"}};
  for (const auto& [type, dtype] : types) {
    const std::string bytes(3 * safetensors_element_size(dtype), '\1');
    const std::string root = pickle(dict_opcodes({{"t", type, "k", 3, 0, {3}, {1}}}));
    EXPECT_EQ(parse(legacy_file(root, {{"k", bytes, 3}})).tensors.at("t").dtype, dtype);
    EXPECT_EQ(parse(zip_of(root, {{"archive/data/k", bytes}})).tensors.at("t").dtype, dtype);
  }
}

TEST(Pickle, SharedStoragesAndViews) {
  const std::string root = pickle(dict_opcodes({{"a", "FloatStorage", "1", 6, 0, {6}, {1}},
                                                {"b", "FloatStorage", "1", 6, 3, {3}, {1}},
                                                {"v", "FloatStorage", "1", 6, 1, {2}, {1}, tuple({0, 2, 4})}}));
  const std::string bytes = legacy_file(root, {{"1", floats(kSix), 6}});
  const PytorchTensors parsed = parse(bytes);
  EXPECT_EQ(to_f32(parsed.tensors.at("b"), "b"), (std::vector<float>{3, 4, 5}));
  EXPECT_EQ(to_f32(parsed.tensors.at("v"), "v"), (std::vector<float>{3, 4}));
  for (const std::vector<int64_t>& view : {std::vector<int64_t>{0, 3, 4}, {0, -1, 4}, {0, 0, INT64_MAX}})
    expect_bad(legacy_one({"v", "FloatStorage", "1", 6, 1, {2}, {1}, tuple(view)}), {"view"});
}

TEST(Pickle, OrderedDictWithModuleVersions) {
  // As model.state_dict() gives it: an OrderedDict whose state holds _metadata.
  const TensorSpec t{"w", "FloatStorage", "0", 6, 0, {6}, {1}};
  const std::string root =
      pickle(global("collections", "OrderedDict") + ")R(" + text("w") + tensor_opcodes(t) + "u}" + text("_metadata") +
             global("collections", "OrderedDict") + ")R(" + text("") + "}" + text("version") + "K\1susb");
  const std::string zip = zip_of(root, {{"archive/data/0", floats(kSix)}});
  EXPECT_EQ(to_f32(parse(zip).tensors.at("w"), "w"), kSix);
}

TEST(Pickle, PythonTwoPairsAndParameters) {
  const TensorSpec t{"w", "FloatStorage", "0", 6, 0, {6}, {1}};
  const std::string hooks = global("collections", "OrderedDict") + ")R";
  const std::string parameter = global("torch._utils", "_rebuild_parameter") + "(" + tensor_opcodes(t) + "\x88" + hooks;
  const std::string with_state =
      global("torch._utils", "_rebuild_parameter_with_state") + "(" + tensor_opcodes(t) + "\x88" + hooks + "}";
  for (const std::string& value : {parameter + "tR", with_state + "tR"}) {
    const std::string root = pickle(global("collections", "OrderedDict") + "]](" + ("U\x01w" + value) + "ea\x85R");
    const std::string zip = zip_of(root, {{"archive/data/0", floats(kSix)}});
    EXPECT_EQ(to_f32(parse(zip).tensors.at("w"), "w"), kSix);
  }
  expect_bad_pickle(pickle("}" + text("w") + parameter + "}tRs"), {"no tensor"});
}

TEST(Pickle, ProtocolFour) {
  const std::string root = std::string("\x80\x04\x95\0\0\0\0\0\0\0\0}", 12) + "\x8c\x01w" + "\x8c\x0ctorch._utils" +
                           "\x8c\x12_rebuild_tensor_v2\x93\x94((" + "\x8c\x07storage\x8c\x05torch\x8c\x0c" +
                           "FloatStorage\x93\x8c\x01" + "0\x8c\x03" + "cpuK\x06tQK" + std::string(1, '\0') +
                           "K\x06\x85K\x01\x85\x89}tRs.";
  const std::string zip = zip_of(root, {{"archive/data/0", floats(kSix)}});
  EXPECT_EQ(to_f32(parse(zip).tensors.at("w"), "w"), kSix);
}

TEST(Pickle, Zip64AndDeflate) {
  const TensorSpec t{"w", "FloatStorage", "0", 6, 0, {6}, {1}};
  const std::string root = pickle(dict_opcodes({t}));
  EXPECT_EQ(to_f32(parse(zip_of(root, {{"archive/data/0", floats(kSix)}}, true)).tensors.at("w"), "w"), kSix);
  const std::string packed = zip_file({{"m/data.pkl", root, true}, {"m/data/0", floats(kSix), true}});
  EXPECT_EQ(to_f32(parse(packed).tensors.at("w"), "w"), kSix);
  expect_bad(zip_file({{"m/data.pkl", root}, {"m/data/0", floats(kSix), true, 25}}), {"m/data/0", "damaged"});
  expect_bad(zip_file({{"m/data.pkl", root}, {"m/data/0", floats(kSix), true, 23}}), {"m/data/0", "damaged"});
  expect_bad(zip_file({{"m/data.pkl", root}, {"m/data/0", floats(kSix), true, 0xfffffff0}}), {"m/data/0", "cannot"});
}

TEST(Pickle, RefusesEveryOtherName) {
  const auto call = [](const std::string& module, const std::string& name) {
    return pickle(global(module, name) + "(" + text("touch /tmp/owned") + "tR");
  };
  expect_bad_pickle(call("posix", "system"), {"refused", "posix.system", "nothing of it was run"});
  expect_bad_pickle(call("builtins", "eval"), {"builtins.eval"});
  expect_bad_pickle(call("torch", "load"), {"torch.load"});
  expect_bad_pickle(call("torch.storage", "FloatStorage"), {"torch.storage.FloatStorage"});
  expect_bad_pickle(call("collections", "OrderedDict2"), {"collections.OrderedDict2"});
  expect_bad_pickle(call("os\x1b[31m", "x"), {"os\\x1b[31m"});
  expect_bad_pickle(pickle(text("posix") + text("system") + "\x93)R"), {"posix.system"});
  expect_bad_pickle(pickle(global("numpy.core.multiarray", "_reconstruct")), {"numpy.core.multiarray._reconstruct"});
}

TEST(Pickle, RefusesOpcodesThatBuildObjects) {
  const std::pair<std::string, const char*> cases[] = {{"(iposix\nsystem\n", "INST"}, {"(o", "OBJ"},
                                                       {")\x81", "NEWOBJ"},           {")}\x92", "NEWOBJ_EX"},
                                                       {"\x82\x01", "EXT1"},          {"P0\n", "PERSID"}};
  for (const auto& [opcodes, name] : cases) expect_bad_pickle(pickle(opcodes), {"refused", "opcode", name});
  for (int op = 0; op < 256; ++op) {
    if (op == '.') continue;  // ends the pickle, and an empty dictionary is valid
    // No opcode may crash, whatever its operands are.
    for (const std::string& before : {std::string(), std::string("}"), std::string("(K\1K\2"), std::string(")}]")})
      for (const std::string& after : {std::string(), std::string(16, '\xff'), std::string(16, '\0')})
        refusal([&] { parse(legacy_file("\x80\x02" + before + char(op) + after, {})); });
  }
}

TEST(Pickle, RefusesMisusedOperands) {
  const std::string rebuild = global("torch._utils", "_rebuild_tensor_v2");
  for (const std::string& opcodes : {std::string("R"),
                                     std::string("}R"),
                                     std::string(")R"),
                                     std::string("t"),
                                     std::string("u"),
                                     std::string("}(K\1u"),
                                     std::string("K\1K\2s"),
                                     std::string("]K\1K\2s"),
                                     std::string("}K\1a"),
                                     std::string("h\1"),
                                     std::string("q\1"),
                                     std::string("K\1Q"),
                                     std::string(")Q"),
                                     std::string("(K\1}u"),
                                     std::string("K\1}b"),
                                     std::string("\x85"),
                                     std::string("(K\1"),
                                     std::string("("),
                                     std::string("N\x93"),
                                     std::string("\x8a\xff"),
                                     rebuild + ")R",
                                     rebuild + "(K\1K\1K\1K\1K\1K\1tR",
                                     global("torch", "FloatStorage") + ")R",
                                     global("collections", "OrderedDict") + "K\1\x85R",
                                     global("collections", "OrderedDict") + "]K\1a\x85R",
                                     global("torch._utils", "_rebuild_parameter") + "(}}}tR"})
    expect_bad_pickle(pickle(opcodes), {"x.bin"});
  expect_bad_pickle(pickle("K\1"), {"not a dictionary of tensors"});
  expect_bad_pickle(pickle("}K\1K\1s"), {"a key is no string"});
  expect_bad_pickle(pickle("}" + text("step") + "K\1s"), {"'step'", "no tensor"});
  expect_bad_pickle(pickle("}" + text("state_dict") + "}s"), {"'state_dict'", "state_dict alone"});
  expect_bad_pickle("\x80\x01}.", {"protocol"});
}

TEST(Pickle, RefusesTensorsOutsideTheirStorage) {
  struct Case {
    int64_t elements, offset;
    std::vector<int64_t> shape, strides;
  };
  const int64_t big = int64_t(1) << 62;
  const Case cases[] = {
      {6, 0, {7}, {1}},           {6, 1, {6}, {1}},           {6, 0, {2, 3}, {4, 1}}, {6, -1, {2}, {1}},
      {6, 0, {2}, {-1}},          {6, 0, {-2}, {1}},          {6, big, {1}, {1}},     {6, 0, {2}, {INT64_MAX}},
      {6, 0, {3, 2}, {big, big}}, {6, 0, {big, big}, {0, 0}}, {6, 6, {1}, {1}},       {5, 0, {5}, {1}},
      {7, 0, {6}, {1}},           {-1, 0, {1}, {1}},          {6, 0, {6}, {1, 1}},    {6, 0, {1000}, {0}}};
  for (const Case& c : cases) {
    const TensorSpec t{"w", "FloatStorage", "7", c.elements, c.offset, c.shape, c.strides};
    expect_bad(legacy_one(t), {});
    expect_bad(zip_one(t), {});
  }
  const TensorSpec t{"w", "FloatStorage", "7", 6, 0, {7}, {1}};
  expect_bad(zip_one(t), {"'w'", "[7]", "6 elements"});
  expect_bad(zip_of(pickle(dict_opcodes({t})), {}), {"'w'", "'7'", "not in the file"});
  const TensorSpec wider{"w", "DoubleStorage", "7", 6, 0, {6}, {1}};
  expect_bad(zip_one(wider), {"'w'", "24 bytes"});
}

TEST(Pickle, RefusesWhatWouldFillTheMemory) {
  // A list that is recalled many times and copied each time.
  std::string bomb = "](";
  for (int i = 0; i < 2000; ++i) bomb += "(K\1K\2t";
  bomb += "eq\1" + global("collections", "OrderedDict") + "q\2";
  for (int i = 0; i < 1000; ++i) bomb += "h\2(h\1tR";
  expect_bad_pickle(pickle(bomb), {"too many objects"});
  expect_bad_pickle(pickle(std::string(9 << 17, '}')), {"too many objects"});
  expect_bad_pickle(pickle(std::string(9 << 17, '(')), {"too many objects"});
  expect_bad_pickle(pickle("}" + std::string(9 << 17, '\x94')), {"too many objects"});
  // Many transposed views of one storage.
  std::vector<TensorSpec> views;
  for (int i = 0; i < 50; ++i) views.push_back({std::to_string(i), "FloatStorage", "7", 6, 0, {3, 2}, {1, 3}});
  expect_bad(legacy_file(pickle(dict_opcodes(views)), {{"7", floats(kSix), 6}}), {"not contiguous"});
}

TEST(Pickle, RefusesBrokenContainers) {
  const TensorSpec t{"w", "FloatStorage", "7", 6, 0, {6}, {1}};
  const std::string root = pickle(dict_opcodes({t}));
  expect_bad("", {"torch.save"});
  expect_bad(root, {"plain pickle"});
  expect_bad("PK\3\4", {"cut short"});
  expect_bad(zip_file({{"archive/other", "x"}}), {"data.pkl"});
  expect_bad(zip_file({{"m/data.pkl", root}, {"m/byteorder", "big"}}), {"big-endian"});
  expect_bad(zip_file({{"m/data.pkl", root}, {"m/data.pkl", root}}), {"twice"});
  expect_bad(legacy_file(root, {{"7", floats(kSix), 7}}), {"'7'", "cut short"});
  expect_bad(legacy_file(root, {{"7", floats(kSix), 5}}), {"'w'"});
  expect_bad(legacy_file(root, {{"7", floats(kSix), UINT64_MAX}}), {"'7'"});
  expect_bad(legacy_file(root, {{"8", floats(kSix), 6}}), {"'8'", "no tensor uses"});
  expect_bad(legacy_file(root, {}), {"'w'", "'7'"});
}

TEST(Pickle, EveryTruncationAndFlippedByte) {
  const std::vector<TensorSpec> two = {{"a", "FloatStorage", "1", 6, 0, {3, 2}, {1, 3}},
                                       {"b", "HalfStorage", "2", 4, 0, {4}, {1}}};
  const std::string root = pickle(dict_opcodes(two)), half(8, 'h');
  const std::string files[] = {
      legacy_file(root, {{"1", floats(kSix), 6}, {"2", half, 4}}),
      zip_of(root, {{"archive/data/1", floats(kSix)}, {"archive/data/2", half}}),
      zip_file({{"m/data.pkl", root, true}, {"m/data/1", floats(kSix), true}, {"m/data/2", half}}, true)};
  for (const std::string& whole : files) {
    ASSERT_EQ(parse(whole).tensors.size(), 2u);
    for (size_t n = 0; n < whole.size(); ++n) refusal([&] { parse(std::string(whole.begin(), whole.begin() + n)); });
    for (size_t n = 0; n < whole.size(); ++n)
      for (const char flip : {'\x01', '\x80', '\xff'}) {
        std::string damaged = whole;
        damaged[n] ^= flip;
        try {
          for (const auto& [name, tensor] : parse(damaged).tensors)
            if (tensor.dtype[0] == 'F') to_f32(tensor, name);
        } catch (const Error& e) {
          EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
        }
      }
  }
}

TEST(Pickle, GoldenFilesHoldTheSameTensors) {
  if (golden_dir().empty()) GTEST_SKIP() << "skipped: no shared data";
  const auto reference = SafetensorsFile::open(golden_dir() + "/mlm-d32/model/model.safetensors");
  for (const char* form : {"pickle", "pickle_legacy"}) {
    const std::string path = golden_dir() + "/variants/" + form + "/pytorch_model.bin";
    const auto file = open_pytorch_file(path);
    ASSERT_EQ(file->tensors().size(), reference->tensors().size());
    for (const auto& [name, expected] : reference->tensors()) {
      const TensorEntry& got = file->tensors().at(name);
      EXPECT_EQ(got.shape, expected.shape) << name;
      ASSERT_EQ(got.bytes, expected.bytes) << name;
      EXPECT_EQ(std::memcmp(got.data, expected.data, got.bytes), 0) << name;
    }
    const std::string whole = read_file(path);
    for (size_t part = 0; part < 16; ++part) {
      const size_t n = whole.size() * part / 16;
      refusal([&] { parse(std::string(whole.begin(), whole.begin() + int64_t(n))); });
    }
  }
}

}  // namespace
}  // namespace encore
