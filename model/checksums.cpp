#include "model/checksums.h"

#include <algorithm>
#include <filesystem>

#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/file_checksum.h"
#include "kernels/base/read_json.h"
#include "model/safetensors.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace encore {
namespace {

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kTokenizerFiles[] = {"tokenizer.json", "vocab.json", "merges.txt"};

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// The path without a slash at its end.
fs::path folder_path(const std::string& dir) {
  const fs::path path = fs::path(dir).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

std::string damaged(const std::string& path) {
  return fmt::format("{}: is damaged (checksum)", path);
}

// A file against its entry in checksums.json.
std::string damage_of(const std::string& path, const json& expected) {
  const std::string digits = expected.at("crc32");
  const uint64_t bytes = uint64_t(whole_number(expected.at("bytes")));
  if (!is_file(path) || InputFile(path).size() != bytes || file_checksum(path).hex() == digits) return "";
  if (path.ends_with(kWeights) && is_in_library_order(path)) return "";
  return damaged(path);
}

bool can_be_opened(const std::string& weights) {
  try {
    open_safetensors_file(weights);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Whether the two folders hold models of one shape: somebody may have put another model in the place of one.
bool of_one_shape(const std::string& dir, const std::string& other) {
  const auto shape = [](const std::string& folder) {
    const std::string file = folder + "/config.json";
    json fields = json::object();
    if (!is_file(file)) return fields;
    const json config = read_json_file(file);
    for (const char* key : {"model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                            "intermediate_size", "max_position_embeddings"})
      fields[key] = config.value(key, json());
    return fields;
  };
  try {
    return shape(dir) == shape(other);
  } catch (const Error&) {
    return false;
  }
}

// The other one of a run's two models, if it is whole; empty: none.
std::string whole_twin(const std::string& dir) {
  const fs::path own = folder_path(dir), run = own.parent_path().parent_path();
  const bool best = own.filename() == "best";
  if ((!best && own.filename() != "last") || !is_file((run / "log.jsonl").string())) return "";
  const std::string twin = (own.parent_path() / (best ? "last" : "best")).string();
  return of_one_shape(dir, twin) && can_be_opened(twin + "/" + kWeights) && find_damage(twin).empty() ? twin : "";
}

}  // namespace

void write_checksums(const std::string& dir) {
  json files = json::object();
  for (const char* name : kTokenizerFiles) {
    const std::string path = dir + "/" + name;
    if (!is_file(path)) continue;
    const FileChecksum sum = file_checksum(path);
    files[name] = {{"bytes", sum.bytes}, {"crc32", sum.hex()}};
  }
  write_file_atomic(dir + "/" + kChecksumsFile, json{{"files", files}}.dump(1) + "\n");
}

std::string find_damage(const std::string& folder) {
  const std::string dir = folder_path(folder).string(), list = dir + "/" + kChecksumsFile,
                    weights = dir + "/" + kWeights;
  try {
    const OwnChecksum own = is_file(weights) ? own_checksum(weights) : OwnChecksum::kNone;
    if (own == OwnChecksum::kDiffers) return damaged(weights);
    if (!is_file(list)) return "";
    const json whole = read_json_file(list);
    const json& files = whole.at("files");
    for (const auto& [name, expected] : files.items()) {
      const bool tokenizer =
          std::find(std::begin(kTokenizerFiles), std::end(kTokenizerFiles), name) != std::end(kTokenizerFiles);
      if (!tokenizer && (name != kWeights || own == OwnChecksum::kMatches)) continue;
      if (std::string damage = damage_of(dir + "/" + name, expected); !damage.empty()) return damage;
    }
  } catch (const json::exception&) {
    return fmt::format("{}: is damaged (not the JSON that was written)", list);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

void check_checksums(const std::string& dir) {
  const std::string damage = find_damage(dir);
  if (damage.empty()) return;
  const std::string twin = whole_twin(dir);
  if (!twin.empty()) fail("{}; {} is whole: use that", damage, twin);
  fail("{}; take another copy of the model{}", damage,
       is_file(dir + "/" + kChecksumsFile) && damage.find(kWeights) == damage.npos
           ? fmt::format(" (if the file was changed on purpose, remove {})", kChecksumsFile)
           : "");
}

}  // namespace encore
