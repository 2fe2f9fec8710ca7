#include "model/tensor_source.h"

#include <filesystem>
#include <set>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/input_file.h"
#include "kernels/base/read_json.h"
#include "model/pickle.h"

namespace encore {
namespace {

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

void add_file(TensorSource& source, const std::string& path, bool pickled) {
  constexpr uint64_t kLongestPointer = 1024;
  if (InputFile(path).size() < kLongestPointer)
    check(!read_input_file(path).starts_with("version https://git-lfs"),
          "{}: a Git LFS pointer, not the weights; fetch them with 'git lfs pull'", path);
  const auto file = pickled ? open_pytorch_file(path) : open_safetensors_file(path);
  for (const auto& [name, entry] : file->tensors()) {
    const auto [it, added] = source.tensors.emplace(name, TensorSource::Located{.entry = entry, .file = path});
    check(added, "{}: tensor {} is in {} too", path, in_quotes(name), it->second.file);
  }
  source.files.push_back(file);
}

void add_shards(TensorSource& source, const std::string& dir, bool pickled) {
  const nlohmann::json json = read_json_file(source.file);
  const auto map = json.find("weight_map");
  check(map != json.end() && map->is_object() && !map->empty(), "{}: no weight_map from tensors to shards",
        source.file);
  std::set<std::string> shards;
  for (const auto& [name, shard] : map->items()) {
    check(shard.is_string(), "{}: weight_map gives {} no file name", source.file, in_quotes(name));
    const std::string file = shard.get<std::string>();
    check(!file.empty() && file[0] != '.' && file.find('/') == file.npos && file.find('\0') == file.npos,
          "{}: weight_map names {}, which is no file of this folder", source.file, in_quotes(file));
    shards.insert(file);
  }
  for (const std::string& shard : shards) {
    check(exists(dir + "/" + shard), "{}: shard {} is missing in {}; download it", source.file, in_quotes(shard), dir);
    add_file(source, dir + "/" + shard, pickled);
  }
  for (const auto& [name, shard] : map->items())
    check(source.tensors.contains(name), "{}: tensor {} is not in {}, where the index has it", source.file,
          in_quotes(name), shard.get<std::string>());
}

}  // namespace

void TensorSource::check_whole() const {
  for (const auto& file : files) file->check_whole();
}

TensorSource open_tensors(const std::string& dir) {
  struct Form {
    const char* name;
    bool sharded = false, pickled = false;
  };
  constexpr Form kForms[] = {{.name = "model.safetensors"},
                             {.name = "model.safetensors.index.json", .sharded = true},
                             {.name = "pytorch_model.bin", .pickled = true},
                             {.name = "pytorch_model.bin.index.json", .sharded = true, .pickled = true}};
  check(exists(dir), "{}: no such model folder", dir);
  TensorSource source;
  for (const Form& form : kForms) {
    source.file = dir + "/" + form.name;
    std::error_code ignored;
    check(exists(source.file) || !std::filesystem::is_symlink(source.file, ignored),
          "{}: a link to a file that is not there; download the model again", source.file);
    if (!exists(source.file)) continue;
    form.sharded ? add_shards(source, dir, form.pickled) : add_file(source, source.file, form.pickled);
    return source;
  }
  const bool other = exists(dir + "/tf_model.h5") || exists(dir + "/flax_model.msgpack");
  fail("{}: no weights: neither model.safetensors (or its index) nor pytorch_model.bin{}", dir,
       other ? "; TensorFlow's and Flax's files are not read" : "");
}

}  // namespace encore
