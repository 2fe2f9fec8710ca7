// A batch file of trace.
#include "tests/fuzz/fuzz_input.h"
#include "train/trace_batch.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string path = fuzz::folder().write("batch.json", fuzz::as_text(data, size));
  fuzz::read_or_refuse([&] {
    const PackedBatch batch = read_trace_batch(path);
    fuzz::must(batch.cu_seqlens.back() == int64_t(batch.ids.size()), "sequences add up to the ids");
    fuzz::must(batch.type_ids.empty() || batch.type_ids.size() == batch.ids.size(), "a type id for each id");
    fuzz::must(batch.target_rows.size() == batch.target_labels.size(), "a label for each target");
    for (const int32_t row : batch.target_rows)
      fuzz::must(row >= 0 && size_t(row) < batch.ids.size(), "targets are rows of the batch");
  });
  return 0;
}
