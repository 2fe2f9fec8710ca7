// A model as the programs of training leave it: a Hugging Face folder with its tokenizer and checksums.
#pragma once

#include <string>

#include "data/tokenizer/tokenizer.h"
#include "kernels/base/dtype.h"
#include "model/model.h"

namespace encore {

// Publishes the folder at `path`, in place of one that is there (kernels/base/atomic_folder.h). Throws IoError, and
// then what was there is untouched. Files of other names in it are kept.
void save_model_folder(const std::string& path, const Model&, const Tokenizer&, DType dtype = DType::kF32);

}  // namespace encore
