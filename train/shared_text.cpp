#include "train/shared_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/readers/corpus_reader.h"
#include "kernels/base/path_text.h"
#include "train/signals.h"

namespace encore {
std::vector<std::string> spool_streams(const std::vector<std::string>& files, const std::string& cache_dir,
                                       Communicator& comm, const std::string& column) {
  // Rank 0 says whether there is a stream: /dev/stdin may be one there and a file elsewhere.
  if (!max_over_ranks(comm.root() && std::any_of(files.begin(), files.end(), is_stream), comm)) return files;
  nlohmann::json copies = nlohmann::json::array();
  if (comm.root())
    for (const std::string& file : files)
      copies.push_back(path_text(is_stream(file) ? resolve_files({file}, cache_dir, column).front() : file));
  auto all = nlohmann::json::parse(text_of_root(copies.dump(), comm)).get<std::vector<std::string>>();
  std::transform(all.begin(), all.end(), all.begin(), path_of_text);
  return all;
}

Dataset open_dataset(DatasetOptions options, const Tokenizer& tokenizer, Communicator& comm) {
  if (comm.root()) {
    options.cache.threads *= comm.local_size();
    options.cache.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  }
  options.cache.stop = [] { return stop_signal() != 0; };
  if (!comm.root()) comm.barrier();
  Dataset dataset = Dataset::open(options, tokenizer);
  if (comm.root()) comm.barrier();
  return dataset;
}

}  // namespace encore
