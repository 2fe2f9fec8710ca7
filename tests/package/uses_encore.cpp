// Uses the installed library: uses_encore MODEL prints the number of tokens of a sentence and the device.
#include <cstdio>
#include <string>

#include "data/tokenizer/tokenizer.h"
#include "kernels/backend_factory.h"
#include "kernels/base/check.h"
#include "model/checkpoint.h"
#include "train/trainer.h"

int main(int argc, char** argv) {
  try {
    encore::check(argc == 2, "usage: uses_encore MODEL");
    const encore::Tokenizer tokenizer = encore::Tokenizer::load(argv[1]);
    const auto backend = encore::make_backend("cpu", 1);
    std::printf("%zu tokens, %s\n", tokenizer.encode("The cell divides.").size(), backend->description().c_str());
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "uses_encore: %s\n", e.what());
    return 2;
  }
}
