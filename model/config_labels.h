// The labels of a config.json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "model/config.h"

namespace encore {

// Sets labels, or labels_problem: a fault is kept for who uses the labels, which a masked-LM does not. source: the
// whole file, an object.
void read_labels(const nlohmann::json& source, const std::string& file, EncoderConfig&);

}  // namespace encore
