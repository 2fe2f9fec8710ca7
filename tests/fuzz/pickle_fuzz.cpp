// The pickle machine by itself, without the containers around it.
#include "model/pickle_machine.h"
#include "tests/fuzz/fuzz_input.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::read_or_refuse([&] {
    size_t position = 0;
    const Pickle pickle = read_pickle({data, size}, position, "input");
    fuzz::must(position <= size, "the pickle ends inside its bytes");
    for (const PickleValue& value : pickle.values)
      for (const int32_t item : value.items)
        fuzz::must(item >= 0 && size_t(item) < pickle.values.size(), "items are values of the pickle");
    for (const PickleTensor& tensor : pickle.tensors)
      fuzz::must(size_t(tensor.storage) < pickle.storages.size(), "a tensor lies in a storage of the pickle");
  });
  return 0;
}
