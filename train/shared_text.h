// Text that all ranks of a run read. Rank 0 alone copies streams and builds the token cache.
#pragma once

#include <string>
#include <vector>

#include "data/sequences/dataset.h"
#include "data/tokenizer/tokenizer.h"
#include "optim/communicator.h"

namespace encore {

// Returns the files, with streams (standard input, pipes) replaced by copies that rank 0 makes in the cache folder.
// Every rank gets the same list. cache_dir: as TokenCacheOptions::dir. column: as resolve_files has it.
std::vector<std::string> spool_streams(const std::vector<std::string>& files, const std::string& cache_dir,
                                       Communicator&, const std::string& column = "");

// Dataset::open on every rank. Rank 0 builds the token cache with the cores of the ranks that wait for it on its
// machine; the others find it. A stop signal (train/signals.h) ends the building.
Dataset open_dataset(DatasetOptions, const Tokenizer&, Communicator&);

}  // namespace encore
