// Where a program writes its result: nothing of the user's is ever replaced.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/program/cli.h"

namespace encore {

// Whether the beginning of a file is that of a file which this command writes.
using OwnFile = std::function<bool(const std::string& start)>;

// The file that the flag names, with links followed; "" where it names none. Throws Error, before any work, for a file
// that is there and not one of this command's own, for no regular file, for an input of the program (also by another
// name of the same file), for a place inside a model folder, and for a folder that is not there. inputs: files of the
// program that no flag names by themselves.
std::string output_file(const Cli&, const std::string& flag, const OwnFile&,
                        const std::vector<std::string>& inputs = {});

// The folder that --output names. Throws Error unless it is absent or empty.
std::string output_folder(const Cli&);

// Throws Error when --output or --cache-dir lies in the folder of --model, or --cache-dir in that of --output.
void check_folders_apart(const Cli&);

}  // namespace encore
