// state.json of a run's state folder: as it is, and as the "state" of a file whose checksum holds, beside good buffers.
#include <zlib.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_backend.h"
#include "train/state_file.h"

using namespace encore;

namespace {

// A store of one small matrix and its moments.
struct Small {
  fuzz::MemoryBackend backend;
  ParamStore params;
  std::unique_ptr<Optimizer> optimizer;
  std::string dir = fuzz::folder().path() + "/step-3";

  Small() {
    params.add({.name = "w", .shape = {4, 8}, .init = Init::kNormal, .decay = true});
    params.allocate(backend, DType::kF32, true);
    params.initialise(1, 0.02f);
    optimizer = std::make_unique<Optimizer>(params, AdamWOptions{});
    save_state(dir, {.step = 3}, params, *optimizer);
  }
};

void read_back(Small& small, std::string_view text) {
  fuzz::folder().write("step-3/state.json", text);
  fuzz::read_or_refuse([&] {
    const RunState state = read_state(small.dir);
    load_state(small.dir, state, small.params, *small.optimizer);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Small small;
  const std::string_view text = fuzz::as_text(data, size);
  read_back(small, text);
  // A deep one would overflow the stack of this target's own dump.
  if (std::count_if(text.begin(), text.end(), [](char c) { return c == '[' || c == '{'; }) > 100) return 0;
  const nlohmann::json inner = nlohmann::json::parse(text, nullptr, false);
  if (inner.is_discarded()) return 0;
  const std::string dumped = inner.dump();
  const auto sum = ::crc32_z(0, reinterpret_cast<const Bytef*>(dumped.data()), dumped.size());
  read_back(small, nlohmann::json{{"state", inner}, {"crc32", fmt::format("{:08x}", sum)}}.dump());
  return 0;
}
