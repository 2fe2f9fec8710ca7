// What a folder is that was given as a model and is none.
#pragma once

#include <string>

namespace encore {

// Throws Error when `dir` is something that people take for a model folder, naming what it is and what to give instead:
// no folder at all (the name of a model on the hub), a file, the hub's cache or a folder of it, a run of Encore or a
// part of one, a run of transformers' Trainer, an adapter (PEFT), a folder around a model. A folder with weights in it
// is a model, and one of none of these kinds is left to its reader.
void check_model_folder(const std::string& dir);

}  // namespace encore
