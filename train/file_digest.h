// A hash of files that is quick for large ones, to find out at the start whether all ranks see the same files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace encore {

// Of the sizes and the content, in this order; names do not count. Of a file above 64 MiB the content is 64 parts of
// 1 MiB, spread over it. A file that cannot be read counts as such.
uint64_t sample_digest(const std::vector<std::string>& files);

// The files of a model folder that hold weights, by name.
std::vector<std::string> weight_files(const std::string& model_dir);

}  // namespace encore
