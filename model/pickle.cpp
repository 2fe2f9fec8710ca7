#include "model/pickle.h"

#include <cstring>
#include <map>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/mapped_file.h"
#include "model/pickle_machine.h"
#include "model/zip_reader.h"

namespace encore {
namespace {

using Kind = PickleValue::Kind;
using StorageBytes = std::map<std::string_view, std::span<const uint8_t>>;  // by key

// Turns the tensors of a pickle into entries that point into the bytes of the storages.
class Assembler {
 public:
  Assembler(const Pickle& pickle, const StorageBytes& storages, const std::string& file, uint64_t copy_budget,
            PytorchTensors& out)
      : pickle_(pickle), storages_(storages), file_(file), copy_budget_(copy_budget), out_(out) {}

  void run() {
    const PickleValue& root = pickle_.top();
    check(root.kind == Kind::kDict, "{}: not a dictionary of tensors: the pickle holds something else", file_);
    for (size_t i = 0; i < root.items.size(); i += 2) {
      const PickleValue &key = pickle_.at(root.items[i]), &value = pickle_.at(root.items[i + 1]);
      check(key.kind == Kind::kString, "{}: not a dictionary of tensors: a key is no string", file_);
      const std::string name(key.text);
      check(value.kind != Kind::kDict,
            "{}: not a dictionary of tensors: {} is itself a dictionary; save the model's state_dict alone", file_,
            in_quotes(name));
      check(value.kind == Kind::kTensor, "{}: not a dictionary of tensors: {} is no tensor", file_, in_quotes(name));
      out_.tensors[name] = assemble(name, pickle_.tensors[size_t(value.integer)]);
    }
  }

 private:
  // The bytes of the storage, or of the part of it that a view selects.
  std::span<const uint8_t> bytes_of(const std::string& name, const PickleStorage& storage, uint64_t element) const {
    const auto it = storages_.find(storage.key);
    check(it != storages_.end(), "{}: tensor {}: its storage {} is not in the file", file_, in_quotes(name),
          in_quotes(storage.key));
    const uint64_t held = it->second.size() / element;
    check(it->second.size() % element == 0 && held == uint64_t(storage.elements),
          "{}: tensor {}: its storage {} holds {} bytes, not {} elements of {}", file_, in_quotes(name),
          in_quotes(storage.key), it->second.size(), storage.elements, storage.dtype);
    if (storage.view_elements < 0) return it->second;
    const uint64_t offset = uint64_t(storage.view_offset), count = uint64_t(storage.view_elements);
    check(offset <= held && count <= held - offset, "{}: tensor {}: its view reaches outside storage {}", file_,
          in_quotes(name), in_quotes(storage.key));
    return it->second.subspan(size_t(offset * element), size_t(count * element));
  }

  TensorEntry assemble(const std::string& name, const PickleTensor& tensor) {
    const PickleStorage& storage = pickle_.storages[size_t(tensor.storage)];
    const uint64_t element = safetensors_element_size(storage.dtype);
    const auto bytes = bytes_of(name, storage, element);
    const int64_t held = int64_t(bytes.size() / element);
    int64_t count = 0;
    check(element_count(tensor.shape, count) && count <= held && tensor.offset >= 0,
          "{}: tensor {}: {} does not fit into its storage of {} elements", file_, in_quotes(name),
          shape_string(tensor.shape), held);
    TensorEntry entry{
        .dtype = std::string(storage.dtype), .shape = tensor.shape, .bytes = size_t(uint64_t(count) * element)};
    if (count == 0) {
      entry.data = bytes.data();
      return entry;
    }
    int64_t last = tensor.offset, packed = 1;
    bool contiguous = true, fits = last < held;
    for (size_t d = tensor.shape.size(); d-- > 0;) {
      const int64_t extent = tensor.shape[d], stride = tensor.strides[d];
      int64_t reach = 0;
      fits = fits && stride >= 0 && !__builtin_mul_overflow(extent - 1, stride, &reach) &&
             !__builtin_add_overflow(last, reach, &last) && last < held;
      contiguous = contiguous && (extent == 1 || stride == packed);
      packed *= extent;
    }
    check(fits, "{}: tensor {}: offset {}, shape {}, strides {} reach outside its storage of {} elements", file_,
          in_quotes(name), tensor.offset, shape_string(tensor.shape), shape_string(tensor.strides), held);
    entry.data = contiguous ? bytes.data() + uint64_t(tensor.offset) * element
                            : gather(name, tensor, bytes, size_t(element), entry.bytes);
    return entry;
  }

  // Makes a contiguous copy. REQUIRES: bounds checked, at least one element.
  const uint8_t* gather(const std::string& name, const PickleTensor& t, std::span<const uint8_t> from, size_t element,
                        size_t bytes) {
    // A file of torch.save needs at most one copy of each storage. Without a limit, a file with many views of one
    // storage could fill the memory.
    check(bytes <= copy_budget_, "{}: tensor {}: too many tensors that are not contiguous", file_, in_quotes(name));
    copy_budget_ -= bytes;
    std::vector<uint8_t>& room = out_.owned.emplace_back(bytes);
    std::vector<int64_t> index(t.shape.size(), 0);
    int64_t source = t.offset;
    for (size_t to = 0; to < bytes; to += element) {
      std::memcpy(room.data() + to, from.data() + size_t(source) * element, element);
      for (size_t d = index.size(); d-- > 0;) {
        source += t.strides[d];
        if (++index[d] < t.shape[d]) break;
        source -= t.strides[d] * t.shape[d];
        index[d] = 0;
      }
    }
    return room.data();
  }

  const Pickle& pickle_;
  const StorageBytes& storages_;
  const std::string& file_;
  uint64_t copy_budget_;
  PytorchTensors& out_;
};

// The zip: NAME/data.pkl, and each storage as NAME/data/KEY.
void parse_zip(std::span<const uint8_t> bytes, const std::string& file, PytorchTensors& out) {
  const ZipReader zip(bytes, file);
  std::string folder;
  for (const auto& [name, entry] : zip.entries())
    if (const size_t slash = name.find('/'); slash != name.npos && name.substr(slash) == "/data.pkl")
      folder = name.substr(0, slash);
  check(!folder.empty(), "{}: a zip file without data.pkl: PyTorch did not write it", file);
  std::vector<uint8_t> room;
  if (zip.entries().contains(folder + "/byteorder")) {
    const auto order = zip.read(folder + "/byteorder", room);
    check(order.empty() || order[0] == 'l', "{}: written on a big-endian machine; save it again on a little-endian one",
          file);
  }
  std::vector<uint8_t> pickle_room;
  const auto pickled = zip.read(folder + "/data.pkl", pickle_room);
  size_t position = 0;
  const Pickle pickle = read_pickle(pickled, position, file);
  StorageBytes storages;
  uint64_t total = 0;
  for (const PickleStorage& s : pickle.storages) {
    const std::string name = folder + "/data/" + std::string(s.key);
    if (storages.contains(s.key) || !zip.entries().contains(name)) continue;
    std::vector<uint8_t> inflated;
    auto& held = storages[s.key] = zip.read(name, inflated);
    if (!inflated.empty()) held = out.owned.emplace_back(std::move(inflated));
    total += held.size();
  }
  Assembler(pickle, storages, file, total, out).run();
}

// ---- The legacy stream: magic number, protocol version, properties of the machine, the dictionary, the keys of the
// storages, and for each key its element count and its bytes.
constexpr uint8_t kMagic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};

// The length of the pickle that holds the magic number; 0: this is no legacy stream.
size_t magic_length(std::span<const uint8_t> bytes) {
  if (bytes.size() < 3 || bytes[0] != 0x80 || bytes[1] < 2 || bytes[1] > 5) return 0;
  const size_t start = bytes[2] == 0x95 ? 11 : 2;  // protocol 4 puts a frame around it
  if (bytes.size() < start + sizeof(kMagic) || std::memcmp(bytes.data() + start, kMagic, sizeof(kMagic)) != 0) return 0;
  return start + sizeof(kMagic);
}

void check_little_endian(const Pickle& machine, const std::string& file) {
  const PickleValue& dict = machine.top();
  check(dict.kind == Kind::kDict, "{}: not a PyTorch file: no description of the machine that wrote it", file);
  for (size_t i = 0; i < dict.items.size(); i += 2)
    if (machine.at(dict.items[i]).text == "little_endian")
      check(machine.at(dict.items[i + 1]).integer == 1,
            "{}: written on a big-endian machine; save it again on a little-endian one", file);
}

void parse_legacy(std::span<const uint8_t> bytes, const std::string& file, PytorchTensors& out) {
  size_t position = magic_length(bytes);
  const Pickle version = read_pickle(bytes, position, file);
  check(version.top().kind == Kind::kInteger && version.top().integer == 1001,
        "{}: not a PyTorch file of a version that is served", file);
  check_little_endian(read_pickle(bytes, position, file), file);
  const Pickle pickle = read_pickle(bytes, position, file);
  const Pickle keys = read_pickle(bytes, position, file);
  check(keys.top().kind == Kind::kList, "{}: not a PyTorch file: no list of storages", file);

  std::map<std::string_view, uint64_t> element;
  for (const PickleStorage& s : pickle.storages) {
    const uint64_t size = safetensors_element_size(s.dtype);
    check(element.emplace(s.key, size).first->second == size, "{}: storage {} has two dtypes", file, in_quotes(s.key));
  }
  StorageBytes storages;
  uint64_t total = 0;
  for (const int32_t index : keys.top().items) {
    const PickleValue& key = keys.at(index);
    const auto size = element.find(key.text);
    check(key.kind == Kind::kString && size != element.end(), "{}: a storage that no tensor uses: {}", file,
          in_quotes(key.text));
    check(bytes.size() - position >= 8, "{}: the file ends before storage {}: it is cut short", file,
          in_quotes(key.text));
    uint64_t count = 0;
    for (int i = 7; i >= 0; --i) count = count << 8 | bytes[position + size_t(i)];
    position += 8;
    check(count <= (bytes.size() - position) / size->second,
          "{}: the file ends inside storage {} of {} elements: it is cut short", file, in_quotes(key.text), count);
    const auto held = bytes.subspan(position, size_t(count * size->second));
    check(storages.emplace(key.text, held).second, "{}: storage {} comes twice", file, in_quotes(key.text));
    position += held.size();
    total += held.size();
  }
  Assembler(pickle, storages, file, total, out).run();
}

class MappedPytorch : public TensorFile {
 public:
  explicit MappedPytorch(const std::string& path) : file_(path) {
    file_.reading([&] {
      PytorchTensors parsed = parse_pytorch_tensors(file_.bytes(), path);
      tensors_ = std::move(parsed.tensors);
      owned_ = std::move(parsed.owned);
    });
  }
  void check_whole() const override { file_.check_whole(); }

 private:
  MappedFile file_;
  std::vector<std::vector<uint8_t>> owned_;
};

}  // namespace

PytorchTensors parse_pytorch_tensors(std::span<const uint8_t> bytes, const std::string& file) {
  PytorchTensors out;
  if (bytes.size() >= 4 && std::memcmp(bytes.data(), "PK\3\4", 4) == 0)
    parse_zip(bytes, file, out);
  else if (magic_length(bytes) > 0)
    parse_legacy(bytes, file, out);
  else
    fail("{}: not a file of torch.save, neither the zip nor the older stream; a plain pickle is refused", file);
  return out;
}

std::shared_ptr<TensorFile> open_pytorch_file(const std::string& path) {
  return std::make_shared<MappedPytorch>(path);
}

}  // namespace encore
