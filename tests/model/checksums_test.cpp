// Damage to what Encore wrote is found, and what other programs write into its folders is not refused.
#include "model/checksums.h"

#include <algorithm>

#include "kernels/base/file_checksum.h"
#include "tests/model/checkpoint_weights.h"

namespace encore {
namespace {

namespace fs = std::filesystem;

void flip(const std::string& path, size_t from_end = 100) {
  std::string bytes = read_file(path);
  bytes[bytes.size() - from_end] ^= 4;
  write_file(path, bytes);
}

// A model folder as a run of Encore writes it, with `salt` in its tokenizer.
void make(const std::string& folder, const std::string& salt = "") {
  save_model(folder, *small_mlm());
  write_file(folder + "/vocab.json", "{\"a" + salt + "\": 0}");
  write_file(folder + "/tokenizer_config.json", "{\"model_max_length\": 512}");
  write_checksums(folder);
}

// The weights as the safetensors library writes them: tensors by name, its own metadata, and for a script that hands
// the old metadata on, that.
void write_as_library(const std::string& path, const Weights& weights, const json& metadata) {
  json header = {{"__metadata__", metadata}};
  std::string data;
  for (const auto& [name, tensor] : weights) {
    const size_t bytes = tensor.second.size() * sizeof(float);
    header[name] = {{"dtype", "F32"}, {"shape", tensor.first}, {"data_offsets", {data.size(), data.size() + bytes}}};
    data.append(reinterpret_cast<const char*>(tensor.second.data()), bytes);
  }
  std::string text = header.dump(), length(8, '\0');
  text.resize((text.size() + 7) / 8 * 8, ' ');
  for (int i = 0; i < 8; ++i) length[size_t(i)] = char(uint64_t(text.size()) >> 8 * i & 0xff);
  write_file(path, length + text + data);
}

// checksums.json as Encore 0.1 wrote it: every file of the folder.
void write_old_checksums(const std::string& folder) {
  json files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name == kChecksumsFile) continue;
    const FileChecksum sum = file_checksum(entry.path().string());
    files[name] = {{"bytes", sum.bytes}, {"crc32", sum.hex()}};
  }
  write_file(folder + "/" + kChecksumsFile, json{{"files", files}}.dump());
}

MetadataMap metadata_of(const std::string& path) {
  return open_safetensors_file(path)->metadata();
}

TEST(ModelChecksums, EveryFlippedBitOfTheWeightsIsFound) {
  const TempDir place;
  const std::string file = place / "model/model.safetensors";
  make(place / "model");
  EXPECT_EQ(own_checksum(file), OwnChecksum::kMatches);
  EXPECT_EQ(find_damage(place / "model"), "");
  const std::string good = read_file(file);
  const uint64_t header = good.size() - small_mlm()->params().length() * sizeof(float);
  for (size_t at = 8; at < good.size(); at += at < header ? 83 : 9973) {
    std::string bad = good;
    bad[at] ^= 1;
    write_file(file, bad);
    // A bit of the header may make it unreadable, which the reader says, or hit the name of the checksum itself.
    const bool found = !find_damage(place / "model").empty();
    const bool in_metadata = at < good.find('}');
    try {
      const auto opened = open_safetensors_file(file);
      EXPECT_TRUE(found || in_metadata) << at;
    } catch (const Error&) {
    }
  }
  write_file(file, good);
  EXPECT_EQ(find_damage(place / "model"), "");
}

TEST(ModelChecksums, TheOtherModelOfTheRunIsOfferedAndNoOther) {
  const TempDir place;
  for (const char* which : {"run/model/best", "run/model/last", "models/best", "models/last", "other"})
    make(place / which);
  write_file(place / "run/log.jsonl", "");
  for (const char* which : {"run/model/best", "models/best", "other"}) flip(place / which + "/model.safetensors");
  expect_refusal([&] { check_checksums(place / "run/model/best/"); },
                 {"best/model.safetensors: is damaged", "/last is whole"});
  for (const auto& [which, size] : {std::pair{"best", 64}, std::pair{"last", 256}})
    write_file(place / "run/model/" + which + "/config.json", fmt::format("{{\"hidden_size\": {}}}", size));
  const std::string of_another = refusal([&] { check_checksums(place / "run/model/best"); });
  EXPECT_EQ(of_another.find("whole"), std::string::npos) << of_another;
  // Folders beside each other need not be of one model.
  for (const char* which : {"models/best", "other"}) {
    const std::string message = refusal([&] { check_checksums(place / which); });
    EXPECT_EQ(message.find("whole"), std::string::npos) << message;
    EXPECT_NE(message.find("take another copy"), std::string::npos) << message;
  }
  flip(place / "run/model/last/model.safetensors");
  const std::string message = refusal([&] { check_checksums(place / "run/model/best"); });
  EXPECT_EQ(message.find("whole"), std::string::npos) << message;
}

TEST(ModelChecksums, TokenizerFiles) {
  const TempDir place;
  const std::string folder = place / "model";
  make(folder);
  flip(folder + "/vocab.json", 3);
  expect_refusal([&] { check_checksums(folder); }, {"vocab.json: is damaged", "checksums.json"});
  write_file(folder + "/vocab.json", "{\"a\": 0, \"b\": 1}");  // of another length: written anew
  EXPECT_EQ(find_damage(folder), "");
  fs::remove(folder + "/vocab.json");
  EXPECT_EQ(find_damage(folder), "");
  for (const char* text : {"{", "{}", "{\"files\": {\"vocab.json\": {}}}", "[]"}) {
    make(folder);
    write_file(folder + "/checksums.json", text);
    EXPECT_NE(find_damage(folder).find("checksums.json"), std::string::npos) << text;
  }
}

// What people change by hand: labels and lengths.
TEST(ModelChecksums, EditedFilesAreRead) {
  const TempDir place;
  const std::string folder = place / "model";
  for (const bool old : {false, true}) {
    make(folder);
    if (old) write_old_checksums(folder);
    std::string config = read_file(folder + "/config.json");
    config.replace(config.find("travels on"), 10, "renamed it");
    write_file(folder + "/config.json", config);
    write_file(folder + "/tokenizer_config.json", "{\"model_max_length\": 256}");
    EXPECT_EQ(find_damage(folder), "") << old;
  }
}

TEST(ModelChecksums, WeightsWrittenByAnotherProgramAreRead) {
  const TempDir place;
  const std::string folder = place / "model", file = folder + "/model.safetensors";
  const auto model = small_mlm();
  const Weights weights = distinct(model->params());
  for (const bool old : {false, true}) {
    make(folder);
    if (old) write_old_checksums(folder);
    const MetadataMap before = metadata_of(file);
    EXPECT_EQ(before.at("format"), "pt");
    EXPECT_EQ(before.count("encore_version") + before.count("encore_commit") + before.count("encore_crc32"), 3u);
    for (const json& metadata : {json{{"format", "pt"}}, json(before)}) {
      write_as_library(file, weights, metadata);
      EXPECT_EQ(own_checksum(file), OwnChecksum::kNone) << metadata;
      EXPECT_EQ(find_damage(folder), "") << metadata;
      load_weights(folder, model->params(), model->config(), 1);
      expect_equal(model->params(), weights);
    }
  }
}

// As Encore 0.1 left it: weights without a checksum of their own, and all files in checksums.json.
TEST(ModelChecksums, FoldersOfEarlierVersions) {
  const TempDir place;
  const std::string folder = place / "model", file = folder + "/model.safetensors";
  make(folder);
  std::string bytes = read_file(file);
  const std::string key = "encore_crc32";
  bytes.replace(bytes.find(key), key.size(), "unknown_name");
  write_file(file, bytes);
  EXPECT_EQ(own_checksum(file), OwnChecksum::kNone);
  write_old_checksums(folder);
  EXPECT_EQ(find_damage(folder), "");
  flip(file);
  expect_refusal([&] { check_checksums(folder); }, {"model.safetensors: is damaged"});
}

TEST(ModelChecksums, OtherFoldersAreNotChecked) {
  const TempDir place;
  EXPECT_EQ(find_damage(place.path()), "");
  EXPECT_EQ(find_damage(place / "nowhere"), "");
  write_file(place / "model.safetensors", "no safetensors file");
  EXPECT_EQ(find_damage(place.path()), "");  // its reader says what is wrong
  EXPECT_THROW(write_checksums(place / "nowhere"), IoError);
}

}  // namespace
}  // namespace encore
