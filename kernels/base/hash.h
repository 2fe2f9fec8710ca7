// XXH64 (libxxhash): fast, not cryptographic, the same everywhere. Token caches and saved states hold its values.
#pragma once

#define XXH_STATIC_LINKING_ONLY  // a state that lies in the object itself and can be copied
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace encore {

// Hashes bytes given in pieces; the result depends on their concatenation alone.
class Hasher {
 public:
  explicit Hasher(uint64_t seed = 0) { XXH64_reset(&state_, seed); }

  Hasher& add(const void* data, size_t size) {
    if (size > 0) XXH64_update(&state_, data, size);
    return *this;
  }
  Hasher& add(std::string_view bytes) { return add(bytes.data(), bytes.size()); }
  Hasher& add(uint64_t value) { return add(&value, sizeof value); }
  // A text with its length, so that neighbouring texts cannot trade bytes.
  Hasher& add_text(std::string_view text) { return add(uint64_t(text.size())).add(text); }
  uint64_t digest() const { return XXH64_digest(&state_); }

 private:
  XXH64_state_t state_;
};

inline uint64_t hash_bytes(std::string_view bytes, uint64_t seed = 0) {
  return XXH64(bytes.data(), bytes.size(), seed);
}

}  // namespace encore
