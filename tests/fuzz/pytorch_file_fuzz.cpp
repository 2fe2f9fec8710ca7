// pytorch_model.bin: the zip (directory, deflated and stored entries), the pickle in it, the older stream.
#include "model/pickle.h"
#include "tests/fuzz/fuzz_input.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::read_or_refuse([&] {
    const PytorchTensors file = parse_pytorch_tensors({data, size}, "input");
    for (const auto& tensor : file.tensors) fuzz::read_or_refuse([&] { to_f32(tensor.second, tensor.first); });
  });
  return 0;
}
