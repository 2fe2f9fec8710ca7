// The subset of Python's pickle that a dictionary of tensors needs. Nothing in a pickle is ever executed: the reader
// knows the few names that such a dictionary refers to and refuses any other name or opcode.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace encore {

struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBool,
    kInteger,
    kReal,
    kString,
    kTuple,
    kList,
    kDict,
    kGlobal,
    kStorage,
    kTensor
  };
  Kind kind = Kind::kNone;
  int64_t integer = 0;         // kBool, kInteger; kGlobal, kStorage, kTensor: an index
  std::string_view text;       // kString: into the pickle
  std::vector<int32_t> items;  // kTuple, kList: elements; kDict: key, value, key, value, ...
};

// A storage that the pickle refers to; its bytes lie elsewhere in the file.
struct PickleStorage {
  std::string_view dtype;  // as safetensors names it
  std::string_view key;    // into the pickle
  int64_t elements = 0;
  // Legacy files may store a view of the storage: its first element and its length (< 0: no view).
  int64_t view_offset = 0;
  int64_t view_elements = -1;
};

struct PickleTensor {
  int32_t storage = 0;
  int64_t offset = 0;  // elements
  std::vector<int64_t> shape, strides;
};

struct Pickle {
  std::vector<PickleValue> values;
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;
  int32_t root = -1;

  const PickleValue& at(int32_t index) const { return values[size_t(index)]; }
  const PickleValue& top() const { return at(root); }
};

// Reads one pickle (protocols 2 to 5) that starts at `position` and moves `position` to its end. The result refers to
// `bytes`. Throws Error naming the file and the place: cut short, a name that no dictionary of tensors refers to
// ("posix.system"), an opcode that builds objects, operands of the wrong kind.
Pickle read_pickle(std::span<const uint8_t> bytes, size_t& position, const std::string& file);

}  // namespace encore
