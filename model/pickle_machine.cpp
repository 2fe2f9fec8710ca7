#include "model/pickle_machine.h"

#include <iterator>
#include <unordered_map>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "model/pickle_stack.h"

namespace encore {
namespace {

using Kind = PickleValue::Kind;

// Indices into kGlobals.
enum Global : int64_t {
  kOrderedDict,
  kRebuildTensor,
  kRebuildTensorV2,
  kRebuildParameter,
  kRebuildParameterState,
  kFirstStorage
};

struct KnownGlobal {
  std::string_view module, name;
  const char* dtype;  // of a storage type; else null
};
constexpr KnownGlobal kGlobals[] = {
    {"collections", "OrderedDict", nullptr},
    {"torch._utils", "_rebuild_tensor", nullptr},
    {"torch._utils", "_rebuild_tensor_v2", nullptr},
    {"torch._utils", "_rebuild_parameter", nullptr},
    {"torch._utils", "_rebuild_parameter_with_state", nullptr},
    {"torch", "FloatStorage", "F32"},
    {"torch", "HalfStorage", "F16"},
    {"torch", "BFloat16Storage", "BF16"},
    {"torch", "DoubleStorage", "F64"},
    {"torch", "LongStorage", "I64"},
    {"torch", "IntStorage", "I32"},
    {"torch", "ShortStorage", "I16"},
    {"torch", "CharStorage", "I8"},
    {"torch", "ByteStorage", "U8"},
    {"torch", "BoolStorage", "BOOL"},
};

constexpr size_t kLongestKey = 256;

std::string_view opcode_name(uint8_t op) {
  switch (op) {
    case 'i': return "INST";
    case 'o': return "OBJ";
    case 'P': return "PERSID";
    case 0x81: return "NEWOBJ";
    case 0x92: return "NEWOBJ_EX";
    case 0x82: return "EXT1";
    case 0x83: return "EXT2";
    case 0x84: return "EXT4";
    default: return "";
  }
}

class Machine : private PickleStack {
 public:
  using PickleStack::PickleStack;
  using PickleStack::position;

  Pickle run() {
    require(byte() == 0x80, "does not start with a protocol of 2 or later");
    const uint8_t protocol = byte();
    require(protocol >= 2 && protocol <= 5, "has an unknown protocol");
    for (;;) {
      start_ = at_;
      const uint8_t op = byte();
      if (op == '.') break;
      if (!constant(op) && !container(op) && !memo(op) && !object(op)) refuse_opcode(op);
    }
    out_.root = pop();
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse_opcode(uint8_t op) const {
    const std::string_view name = opcode_name(op);
    fail(
        "{}: refused: the pickle uses opcode 0x{:02x}{}{} at byte {}, which a dictionary of tensors does not need; "
        "nothing of it was run",
        file_, op, name.empty() ? "" : " ", name, start_);
  }

  // ---- opcodes, in four groups; each function returns false for an opcode of another group
  bool constant(uint8_t op) {
    switch (op) {
      case 0x95: take(8); return true;  // FRAME: its length is not needed
      case 'N': push({}); return true;
      case 0x88: push_integer(1, Kind::kBool); return true;
      case 0x89: push_integer(0, Kind::kBool); return true;
      case 'K': push_integer(int64_t(unsigned_of(1))); return true;
      case 'M': push_integer(int64_t(unsigned_of(2))); return true;
      case 'J': push_integer(int32_t(uint32_t(unsigned_of(4)))); return true;
      case 0x8a: push_integer(long_integer(byte())); return true;
      case 'G': take(8), push({.kind = Kind::kReal}); return true;
      case 'X': push_text(text(unsigned_of(4))); return true;
      case 'T': push_text(text(unsigned_of(4))); return true;
      case 'U': push_text(text(unsigned_of(1))); return true;
      case 0x8c: push_text(text(unsigned_of(1))); return true;
      case 0x8d: push_text(text(unsigned_of(8))); return true;
      default: return false;
    }
  }
  int64_t long_integer(uint8_t length) {
    require(length <= 8, "has a whole number of more than 64 bits");
    const uint64_t raw = unsigned_of(length);
    if (length == 0 || length == 8) return int64_t(raw);
    const int shift = 64 - 8 * length;
    return int64_t(raw << shift) >> shift;  // extends the sign
  }

  bool container(uint8_t op) {
    switch (op) {
      case '(':
        require(marks_.size() < kMostValues, "holds too many objects");
        marks_.push_back(stack_.size());
        return true;
      case '}': push({.kind = Kind::kDict}); return true;
      case ']': push({.kind = Kind::kList}); return true;
      case ')': push({.kind = Kind::kTuple}); return true;
      case 't': push({.kind = Kind::kTuple, .items = pop_to_mark()}); return true;
      case 0x85:
      case 0x86:
      case 0x87: {
        std::vector<int32_t> items(size_t(op) - 0x84);
        for (size_t i = items.size(); i-- > 0;) items[i] = pop();
        push({.kind = Kind::kTuple, .items = std::move(items)});
        return true;
      }
      case 's': {
        const int32_t value = pop(), key = pop();
        set_items({key, value});
        return true;
      }
      case 'u': set_items(pop_to_mark()); return true;
      case 'a': append_items({pop()}); return true;
      case 'e': append_items(pop_to_mark()); return true;
      default: return false;
    }
  }
  void set_items(const std::vector<int32_t>& items) {
    require(top().kind == Kind::kDict && items.size() % 2 == 0, "sets items of what is no dictionary");
    top().items.insert(top().items.end(), items.begin(), items.end());
  }
  void append_items(const std::vector<int32_t>& items) {
    require(top().kind == Kind::kList, "appends to what is no list");
    top().items.insert(top().items.end(), items.begin(), items.end());
  }

  bool memo(uint8_t op) {
    switch (op) {
      case 'q': remember(unsigned_of(1)); return true;
      case 'r': remember(unsigned_of(4)); return true;
      case 0x94: remember(memo_.size()); return true;
      case 'h': recall(unsigned_of(1)); return true;
      case 'j': recall(unsigned_of(4)); return true;
      default: return false;
    }
  }
  void remember(uint64_t key) {
    top();
    require(memo_.size() < kMostValues, "holds too many objects");
    memo_[key] = stack_.back();
  }
  void recall(uint64_t key) {
    const auto it = memo_.find(key);
    require(it != memo_.end(), "recalls what it never remembered");
    // Recalls alone can make the stack grow, so its size is limited as well.
    require(stack_.size() < kMostValues, "holds too many objects");
    stack_.push_back(it->second);
  }

  bool object(uint8_t op) {
    switch (op) {
      case 'c': {
        const std::string_view module = line();
        push_global(module, line());
        return true;
      }
      case 0x93: {
        const int32_t name = pop(), module = pop();
        require(at(name).kind == Kind::kString && at(module).kind == Kind::kString, "names a class by no string");
        push_global(at(module).text, at(name).text);
        return true;
      }
      case 'Q': push_storage(pop()); return true;
      case 'R': {
        const int32_t arguments = pop(), callee = pop();
        require(at(arguments).kind == Kind::kTuple && at(callee).kind == Kind::kGlobal, "calls what is no function");
        reduce(Global(at(callee).integer), at(arguments).items);
        return true;
      }
      case 'b': {
        // The state of an OrderedDict. PyTorch keeps module versions there, which the weights do not depend on.
        pop();
        require(top().kind == Kind::kDict, "sets the state of an object");
        return true;
      }
      default: return false;
    }
  }
  void push_global(std::string_view module, std::string_view name) {
    for (size_t i = 0; i < std::size(kGlobals); ++i)
      if (kGlobals[i].module == module && kGlobals[i].name == name) return push_integer(int64_t(i), Kind::kGlobal);
    fail(
        "{}: refused: the pickle asks for {} (byte {}), which is no part of a dictionary of tensors; nothing of it was "
        "run",
        file_, in_quotes(std::string(module) + "." + std::string(name)), start_);
  }

  // ('storage', type, key, location, elements[, view])
  void push_storage(int32_t index) {
    constexpr const char* kWhat = "refers to something else than a storage";
    const std::vector<int32_t>& items = at(index).items;
    require(at(index).kind == Kind::kTuple && (items.size() == 5 || items.size() == 6), kWhat);
    require(at(items[0]).kind == Kind::kString && at(items[0]).text == "storage", kWhat);
    const PickleValue& type = at(items[1]);
    require(type.kind == Kind::kGlobal && type.integer >= kFirstStorage, kWhat);
    require(at(items[2]).kind == Kind::kString && at(items[3]).kind == Kind::kString, kWhat);
    require(at(items[2]).text.size() <= kLongestKey, "names a storage by too long a key");
    PickleStorage storage{.dtype = kGlobals[type.integer].dtype, .key = at(items[2]).text};
    storage.elements = integer_at(items[4]);
    require(storage.elements >= 0, "has a storage of negative size");
    if (items.size() == 6 && at(items[5]).kind != Kind::kNone) {
      const std::vector<int32_t>& view = at(items[5]).items;
      require(at(items[5]).kind == Kind::kTuple && view.size() == 3, kWhat);
      storage.view_offset = integer_at(view[1]);
      storage.view_elements = integer_at(view[2]);
      require(storage.view_offset >= 0 && storage.view_elements >= 0, "has a view of negative size");
    }
    out_.storages.push_back(std::move(storage));
    push_integer(int64_t(out_.storages.size()) - 1, Kind::kStorage);
  }

  void reduce(Global callee, const std::vector<int32_t>& arguments) {
    const size_t count = arguments.size();
    switch (callee) {
      case kOrderedDict: return reduce_dict(arguments);
      case kRebuildTensor: require(count == 4, "rebuilds a tensor from other than 4 things"); break;
      case kRebuildTensorV2: require(count == 6 || count == 7, "rebuilds a tensor from other than 6 things"); break;
      case kRebuildParameter:
      case kRebuildParameterState:  // a fourth argument: attributes that the parameter had in Python
        require(count == (callee == kRebuildParameter ? 3 : 4) && at(arguments[0]).kind == Kind::kTensor,
                "makes a parameter of what is no tensor");
        return push_integer(at(arguments[0]).integer, Kind::kTensor);
      default: require(false, "calls a storage type");
    }
    require(at(arguments[0]).kind == Kind::kStorage, "rebuilds a tensor from what is no storage");
    PickleTensor tensor{.storage = int32_t(at(arguments[0]).integer), .offset = integer_at(arguments[1])};
    tensor.shape = integers_at(arguments[2]);
    tensor.strides = integers_at(arguments[3]);
    require(tensor.shape.size() == tensor.strides.size(), "has a tensor of no shape");
    out_.tensors.push_back(std::move(tensor));
    push_integer(int64_t(out_.tensors.size()) - 1, Kind::kTensor);
  }
  // OrderedDict() or, as Python 2 wrote it, OrderedDict([[key, value], ...]).
  void reduce_dict(const std::vector<int32_t>& arguments) {
    PickleValue dict{.kind = Kind::kDict};
    if (!arguments.empty()) {
      const PickleValue& list = at(arguments[0]);
      // A long list can be recalled and copied many times, so the copies are counted.
      copied_ += list.items.size() + 1;
      require(copied_ < kMostValues, "holds too many objects");
      require(arguments.size() == 1 && list.kind == Kind::kList, "fills a dictionary from what is no list");
      for (const int32_t index : list.items) {
        const PickleValue& pair = at(index);
        require((pair.kind == Kind::kList || pair.kind == Kind::kTuple) && pair.items.size() == 2,
                "fills a dictionary from what are no pairs");
        dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
      }
    }
    push(std::move(dict));
  }

  size_t copied_ = 0;
  std::unordered_map<uint64_t, int32_t> memo_;
};

}  // namespace

Pickle read_pickle(std::span<const uint8_t> bytes, size_t& position, const std::string& file) {
  Machine machine(bytes, position, file);
  Pickle pickle = machine.run();
  position = machine.position();
  return pickle;
}

}  // namespace encore
