// config.json. What was read is written again and must then be read alike.
#include "model/config.h"
#include "tests/fuzz/fuzz_input.h"

using namespace encore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::read_or_refuse([&] {
    const EncoderConfig read = parse_config(std::string(fuzz::as_text(data, size)), "input");
    std::string written;
    try {
      written = config_to_json(read, "RobertaForSequenceClassification");
      const EncoderConfig again = parse_config(written, "written");
      fuzz::must(again.hidden_size == read.hidden_size && again.vocab_size == read.vocab_size &&
                     again.layer_norm_eps == read.layer_norm_eps && again.labels == read.labels &&
                     again.hidden_dropout_prob == read.hidden_dropout_prob,
                 "a written config.json reads as it was");
    } catch (const Error& e) {
      fuzz::must(false, e.what());
    }
  });
  return 0;
}
