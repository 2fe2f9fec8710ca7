#include "model/tensor_source.h"

#include <filesystem>
#include <set>
#include <utility>

#include "kernels/base/check.h"
#include "model/in_quotes.h"
#include "model/json_text.h"
#include "model/mapped_file.h"
#include "model/pickle.h"

namespace encore {
namespace {

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

void add_file(TensorSource& source, const std::string& path, bool pickled) {
  {
    const MappedFile probe(path);
    check(!probe.text().starts_with("version https://git-lfs"),
          "{}: a Git LFS pointer, not the weights; fetch them with 'git lfs pull'", path);
  }
  const auto file = pickled ? open_pytorch_file(path) : SafetensorsFile::open(path);
  for (const auto& [name, entry] : file->tensors()) {
    const auto [it, added] = source.tensors.emplace(name, TensorSource::Located{.entry = entry, .file = path});
    check(added, "{}: tensor {} is in {} too", path, in_quotes(name), it->second.file);
  }
  source.files.push_back(file);
}

void add_shards(TensorSource& source, const std::string& dir, bool pickled) {
  const MappedFile index(source.file);
  const nlohmann::json json = parse_json_object(index.text(), source.file);
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
    if (!exists(source.file)) continue;
    form.sharded ? add_shards(source, dir, form.pickled) : add_file(source, source.file, form.pickled);
    return source;
  }
  const bool other = exists(dir + "/tf_model.h5") || exists(dir + "/flax_model.msgpack");
  fail("{}: no weights: neither model.safetensors (or its index) nor pytorch_model.bin{}", dir,
       other ? "; TensorFlow's and Flax's files are not read" : "");
}

}  // namespace encore
