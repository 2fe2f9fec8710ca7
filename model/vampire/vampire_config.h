// The shape and the options of a VAMPIRE model (Gururangan et al., "Variational Pretraining for Semi-supervised Text
// Classification", 2019), a variational autoencoder over bags of words.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace encore {

// What follows each of the two linear layers of the encoder. The original code applies nothing, the paper says ReLU.
enum class VampireActivation : uint8_t { kNone, kRelu };

struct VampireConfig {
  int64_t vocabulary = 0;  // V + 1 words: word 0 is @@UNKNOWN@@, which no document has
  int64_t hidden = 81;     // H
  int64_t latent = 81;     // K topics
  VampireActivation activation = VampireActivation::kNone;
  float z_dropout = 0.49f;  // of z, before the softmax
  float kl_clamp = 0;       // the KL term of each latent variable is held within -c .. c; 0: it is not
};

// Throws Error "WHERE: FIELD is ..." for a field that is out of range.
void check_config(const VampireConfig&, const std::string& where);

// {"vocabulary", "hidden", "latent", "encoder_activation": "none" | "relu", "z_dropout", "kl_clamp"}
nlohmann::ordered_json to_json(const VampireConfig&);
// Throws Error "FILE: FIELD ..." for a field that is missing, of another type or out of range.
VampireConfig vampire_config(const nlohmann::json&, const std::string& file);

// "none", "relu".
const char* name_of(VampireActivation);

}  // namespace encore
