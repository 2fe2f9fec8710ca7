// What a folder is that was given as a model and is none.
#pragma once

#include <string>

namespace encore {

// Throws Error when `dir` is something that people take for a model folder, naming what it is and what to give instead:
// no folder at all (the name of a model on the hub), a file, a folder of the hub's cache, a run of Encore, a run of
// transformers' Trainer, an adapter (PEFT). A folder with weights in it is a model, and one of none of these kinds is
// left to its reader.
void check_model_folder(const std::string& dir);

}  // namespace encore
