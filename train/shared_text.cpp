#include "train/shared_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "data/readers/corpus_reader.h"
#include "kernels/base/path_text.h"
#include "train/signals.h"

namespace encore {
std::vector<std::string> spool_streams(const std::vector<std::string>& files, const std::string& cache_dir,
                                       Communicator& comm, const std::string& column) {
  // Rank 0 says whether there is a stream: /dev/stdin may be one there and a file elsewhere.
  std::array<int64_t, 1> any{comm.root() && std::any_of(files.begin(), files.end(), is_stream)};
  comm.all_reduce_max(std::span<int64_t>(any));
  if (!any[0]) return files;
  nlohmann::json copies = nlohmann::json::array();
  if (comm.root())
    for (const std::string& file : files)
      copies.push_back(path_text(is_stream(file) ? resolve_files({file}, cache_dir, column).front() : file));
  std::string text = copies.dump();
  std::array<int64_t, 1> length{comm.root() ? int64_t(text.size()) : 0};
  comm.all_reduce_max(std::span<int64_t>(length));
  text.resize(size_t(length[0]));
  comm.broadcast(std::span<char>(text), 0);
  std::vector<std::string> all = nlohmann::json::parse(text).get<std::vector<std::string>>();
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
