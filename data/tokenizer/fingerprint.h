// The hash behind Tokenizer::fingerprint(): FNV-1a over length-prefixed fields. Token caches and saved runs hold its
// values, so neither the function nor the order of the fields may change.
#pragma once

#include <cstdint>
#include <string_view>

namespace encore {

class Fingerprint {
 public:
  void add_number(uint64_t n) {
    for (int i = 0; i < 8; ++i) add_byte(n >> (8 * i) & 0xff);
  }
  void add_string(std::string_view s) {
    add_number(s.size());
    for (const char c : s) add_byte(static_cast<unsigned char>(c));
  }
  uint64_t value() const { return state_; }

 private:
  void add_byte(uint64_t byte) { state_ = (state_ ^ byte) * 0x100000001b3ull; }
  uint64_t state_ = 0xcbf29ce484222325ull;
};

}  // namespace encore
