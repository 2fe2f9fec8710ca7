// A .safetensors file: header, offsets, dtypes, and the values as fp32.
#include "model/safetensors.h"
#include "tests/fuzz/fuzz_input.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  TensorMap tensors;
  MetadataMap metadata;
  fuzz::read_or_refuse([&] { parse_safetensors({data, size}, "input", tensors, metadata); });
  for (const auto& tensor : tensors) fuzz::read_or_refuse([&] { to_f32(tensor.second, tensor.first); });
  return 0;
}
