// model.safetensors.index.json beside one shard, "a.safetensors", that holds the tensor "w".
#include "model/tensor_source.h"
#include "tests/fuzz/fuzz_input.h"

using namespace encore;

namespace {

void write_shard() {
  const std::string header = R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  std::string bytes(8, '\0');
  bytes[0] = char(header.size());
  fuzz::folder().write("a.safetensors", bytes + header + std::string(4, '\0'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  [[maybe_unused]] static const bool written = (write_shard(), true);
  fuzz::folder().write("model.safetensors.index.json", fuzz::as_text(data, size));
  fuzz::read_or_refuse([&] {
    const TensorSource source = open_tensors(fuzz::folder().path());
    fuzz::must(source.tensors.size() == 1 && source.tensors.contains("w"), "the shard's tensor and no other");
  });
  return 0;
}
