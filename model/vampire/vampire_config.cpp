#include "model/vampire/vampire_config.h"

#include <cmath>
#include <limits>

#include "kernels/base/check.h"
#include "kernels/base/read_json.h"

namespace encore {

using nlohmann::json;

namespace {

constexpr int64_t kMostWords = int64_t(1) << 24, kMostUnits = 8 * 4096;

const json& field(const json& source, const char* key, const std::string& file) {
  const auto it = source.find(key);
  check(it != source.end(), "{}: {} is missing", file, key);
  return *it;
}

int64_t whole(const json& source, const char* key, const std::string& file) {
  const json& value = field(source, key, file);
  const bool fits = value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
  check(fits, "{}: {} is {}: a whole number is expected", file, key, shown_json(value));
  return value.get<int64_t>();
}

float number(const json& source, const char* key, const std::string& file) {
  const json& value = field(source, key, file);
  check(value.is_number(), "{}: {} is {}: a number is expected", file, key, shown_json(value));
  return value.get<float>();
}

}  // namespace

const char* name_of(VampireActivation a) {
  return a == VampireActivation::kRelu ? "relu" : "none";
}

void check_config(const VampireConfig& c, const std::string& where) {
  const auto between = [&](const char* name, int64_t value, int64_t low, int64_t high) {
    check(value >= low && value <= high, "{}: {} is {}: it must lie from {} to {}", where, name, value, low, high);
  };
  between("vocabulary", c.vocabulary, 2, kMostWords);
  between("hidden", c.hidden, 1, kMostUnits);
  between("latent", c.latent, 1, kMostUnits);
  check(c.z_dropout >= 0 && c.z_dropout < 1, "{}: z_dropout is {}: it must be at least 0 and below 1", where,
        c.z_dropout);
  check(c.kl_clamp >= 0 && std::isfinite(c.kl_clamp), "{}: kl_clamp is {}: it must be 0 or above", where, c.kl_clamp);
}

nlohmann::ordered_json to_json(const VampireConfig& c) {
  return {{"vocabulary", c.vocabulary}, {"hidden", c.hidden},
          {"latent", c.latent},         {"encoder_activation", name_of(c.activation)},
          {"z_dropout", c.z_dropout},   {"kl_clamp", c.kl_clamp}};
}

VampireConfig vampire_config(const json& source, const std::string& file) {
  check(source.is_object(), "{}: a JSON object is expected", file);
  VampireConfig c{.vocabulary = whole(source, "vocabulary", file),
                  .hidden = whole(source, "hidden", file),
                  .latent = whole(source, "latent", file),
                  .z_dropout = number(source, "z_dropout", file),
                  .kl_clamp = number(source, "kl_clamp", file)};
  const json& activation = field(source, "encoder_activation", file);
  check(activation == "none" || activation == "relu", "{}: encoder_activation is {}: none or relu is expected", file,
        shown_json(activation));
  c.activation = activation == "relu" ? VampireActivation::kRelu : VampireActivation::kNone;
  check_config(c, file);
  return c;
}

}  // namespace encore
