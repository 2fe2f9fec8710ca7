// The common beginning of programs that compute with a finished model: folder, tokenizer, device, weights.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "apps/program/device_flags.h"
#include "data/tokenizer/tokenizer.h"
#include "model/checkpoint.h"
#include "model/model.h"
#include "optim/communicator.h"
#include "train/inference_memory.h"

namespace encore {

// A model folder whose weights have not been read yet, and the device to compute on.
struct OpenModel {
  std::string dir;
  EncoderConfig config;
  std::optional<Tokenizer> tokenizer;
  int64_t max_length = 0;  // of an input in tokens, specials counted
  Device device;
  bool root = true;  // rank 0, which prints
};

// The tokenizer of a folder. A folder without one is named for what it is, if it is known (model/model_folder.h).
Tokenizer open_tokenizer(const std::string& dir);

// length_flag: the flag that limits max_length; "": the model's positions are the limit. Several ranks first find out
// whether they see the same flags, model and --data. Throws Error for a folder without a model, a tokenizer of another
// model, a length beyond the model's positions, a device that cannot be used.
OpenModel open_model(const std::string& dir, const Cli&, Communicator&, const std::string& length_flag = "");
// The same without a tokenizer, for batches of ids.
OpenModel open_model_of_ids(const std::string& dir, const Cli&, const Communicator&);

enum class Head { kMlm, kClassifier };
struct LoadedModel {
  std::unique_ptr<Model> model;
  LoadReport report;
};
// Makes the model and reads its weights. Rank 0 prints the notes about config.json and the weights on standard error.
// A classifier whose config.json has no labels gets two. Throws Error as load_weights does.
LoadedModel load_model(const OpenModel&, Head, Mode);
// Checks the memory and loads a masked-LM for inference. Throws Error when the batches do not fit.
LoadedModel load_mlm(const OpenModel&, const InferenceBatches&);

}  // namespace encore
