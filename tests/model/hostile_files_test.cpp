// Model files that hang, crash or kill a careless reader.
#include <sys/stat.h>

#include <ctime>

#include "model/tensor_source.h"
#include "tests/model/checkpoint_weights.h"

namespace encore {
namespace {

void write_header(const std::string& path, std::string header) {
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i) length[size_t(i)] = char(uint64_t(header.size()) >> 8 * i & 0xff);
  write_file(path, length + header);
}

TEST(HostileFiles, PipesAreRefusedUnderEveryName) {
  for (const char* name : {"config.json", "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                           "pytorch_model.bin.index.json"}) {
    const TempDir dir;
    write_file(dir / "config.json", small_json().dump());
    std::filesystem::remove(dir / name);
    ASSERT_EQ(::mkfifo((dir / name).c_str(), 0600), 0);
    const auto model = small_mlm();
    expect_refusal(
        [&] {
          load_config(dir.path());
          load_weights(dir.path(), model->params(), model->config(), 1);
        },
        {name, "not a regular file"});
  }
}

TEST(HostileFiles, AMillionEmptyTensorsTakeSeconds) {
#if defined(__SANITIZE_ADDRESS__)
  constexpr int kTensors = 100000;  // they take a minute and more for a million
#else
  constexpr int kTensors = 1000000;
#endif
  const TempDir dir;
  std::string header = "{";
  for (int i = 0; i < kTensors; ++i)
    header += fmt::format("{}\"t{}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", i ? "," : "", i);
  write_header(dir / "model.safetensors", header + "}");
  const std::clock_t start = std::clock();  // of this process: the machine may be busy
  const auto model = small_mlm();
  expect_refusal([&] { load_weights(dir.path(), model->params(), model->config(), 1); }, {"no tensor of a RoBERTa"});
  EXPECT_LT(double(std::clock() - start) / CLOCKS_PER_SEC, 30);
}

TEST(HostileFiles, DeepNesting) {
  const TempDir dir;
  const std::string deep = "{\"a\": " + std::string(100000, '[') + std::string(100000, ']') + "}";
  write_header(dir / "model.safetensors", deep);
  expect_refusal([&] { open_tensors(dir.path()); }, {"model.safetensors: header", "deeper than 8"});
  std::filesystem::remove(dir / "model.safetensors");
  write_file(dir / "model.safetensors.index.json", deep);
  expect_refusal([&] { open_tensors(dir.path()); }, {"index.json", "deeper than 64"});
  write_file(dir / "config.json", deep);
  expect_refusal([&] { load_config(dir.path()); }, {"config.json", "deeper than 64"});
}

// Another program cuts the file while its tensors are read: SIGBUS without the care of MappedRange.
TEST(HostileFiles, AFileThatIsCutWhileItIsRead) {
  const auto model = small_mlm();
  const Weights weights = distinct(model->params());
  const TempDir dir;
  write_weights(dir.path(), weights);
  const TensorSource source = open_tensors(dir.path());
  EXPECT_NO_THROW(source.check_whole());
  std::filesystem::resize_file(dir / "model.safetensors", 4096);
  for (const auto& [name, located] : source.tensors) to_f32(located.entry, name);
  EXPECT_THROW(source.check_whole(), IoError);
}

TEST(HostileFiles, LinksToNothingAreSaid) {
  const TempDir dir;
  std::filesystem::create_symlink("../blobs/0a1b", dir / "model.safetensors");
  expect_refusal([&] { open_tensors(dir.path()); }, {"model.safetensors", "a link to a file that is not there"});
}

}  // namespace
}  // namespace encore
