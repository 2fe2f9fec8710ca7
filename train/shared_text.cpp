#include "train/shared_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "data/readers/corpus_reader.h"
#include "train/signals.h"

namespace encore {
std::vector<std::string> spool_streams(const std::vector<std::string>& files, const std::string& cache_dir,
                                       Communicator& comm, const std::string& column) {
  if (std::none_of(files.begin(), files.end(), is_stream)) return files;
  nlohmann::json copies = nlohmann::json::array();
  if (comm.root())
    for (const std::string& file : files)
      copies.push_back(is_stream(file) ? resolve_files({file}, cache_dir, column).front() : file);
  std::string text = copies.dump();
  std::array<int64_t, 1> length{comm.root() ? int64_t(text.size()) : 0};
  comm.all_reduce_max(std::span<int64_t>(length));
  text.resize(size_t(length[0]));
  comm.broadcast(std::span<char>(text), 0);
  return nlohmann::json::parse(text).get<std::vector<std::string>>();
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
