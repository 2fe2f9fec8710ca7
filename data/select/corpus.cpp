#include "data/select/corpus.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/spread.h"
#include "kernels/base/utf8.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

bool is_file(const std::string& text) {
  std::error_code error;
  return fs::exists(text, error);
}

struct Written {  // of a corpus on the command line
  std::string name;
  std::vector<std::string> patterns;
};

// A file, a glob or "-", or several with commas between them.
std::vector<std::string> patterns_of(const std::string& text) {
  if (is_file(text)) return {text};
  std::vector<std::string> patterns;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    patterns.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return patterns;
}

Written split(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals != text.npos && !is_file(text))
    return {.name = text.substr(0, equals), .patterns = patterns_of(text.substr(equals + 1))};
  check(is_file(text) || (!is_stream(text) && text.find_first_of("*?[") == text.npos),
        "{}: the corpus has no name: write NAME={}", in_quotes(text), one_line(text));
  const std::string file = fs::path(text).filename().string();
  return {.name = file.substr(0, file.find('.')), .patterns = {text}};
}

void check_name(const std::string& name, const std::string& text) {
  check(!name.empty(), "{}: the corpus has no name: write NAME=FILE", in_quotes(text));
  check(valid_utf8(name) && one_line(name) == name, "{}: the name of a corpus must be one line of UTF-8",
        in_quotes(text));
}

}  // namespace

std::vector<NamedCorpus> parse_corpora(const std::vector<std::string>& texts) {
  std::vector<Written> written;
  for (const std::string& text : texts) {
    Written corpus = split(text);
    check_name(corpus.name, text);
    for (const Written& other : written)
      check(other.name != corpus.name, "two corpora are named {}: give each a name of its own, NAME=FILE",
            in_quotes(corpus.name));
    written.push_back(std::move(corpus));
  }
  check(written.size() >= 2, "{} given: at least two corpora are compared, NAME=FILE NAME=FILE",
        written.empty() ? "no corpus was" : fmt::format("one corpus, {}, was", in_quotes(written[0].name)));

  std::vector<NamedCorpus> corpora;
  std::map<std::pair<dev_t, ino_t>, std::pair<std::string, std::string>> owners;  // {corpus, path} of a file
  for (const Written& one : written) {
    NamedCorpus corpus{.name = one.name, .paths = resolve_files(one.patterns, "")};
    for (const std::string& path : corpus.paths) {
      struct stat info {};
      if (::stat(path.c_str(), &info) != 0) continue;  // resolve_files has just seen it; the reader names it
      const auto [found, fresh] = owners.try_emplace({info.st_dev, info.st_ino}, corpus.name, path);
      check(fresh, "corpora {} and {} are both of the file {}{}: give each files of its own",
            in_quotes(found->second.first), in_quotes(corpus.name), path,
            found->second.second == path ? "" : fmt::format(" (also named {})", found->second.second));
    }
    corpora.push_back(std::move(corpus));
  }
  return corpora;
}

Documents::Documents(const std::vector<std::string>& paths, const CorpusOptions& options, std::optional<int64_t> wanted,
                     int64_t total)
    : reader_(paths, options), wanted_(wanted && *wanted < total ? *wanted : -1), total_(total) {}

bool Documents::next(std::string& text) {
  if (wanted_ < 0) return reader_.next(text);
  if (given_ == wanted_) return false;
  const int64_t due = spread(given_, total_, wanted_);
  for (; reader_.next(text); ++read_)
    if (read_ == due) {
      ++given_, ++read_;
      return true;
    }
  return false;
}

std::vector<std::string> next_texts(const TextSource& source, int64_t most, size_t bytes) {
  std::vector<std::string> texts;
  size_t taken = 0;
  for (std::string text; std::ssize(texts) < most && taken < bytes && source(text);) {
    taken += text.size() + sizeof text;
    texts.push_back(std::move(text));
  }
  return texts;
}

int64_t count_documents(const std::vector<std::string>& paths, const CorpusOptions& options,
                        const ReadProgress& progress) {
  constexpr int64_t kStep = 1000;
  Documents documents(paths, options);
  int64_t count = 0;
  for (std::string text; documents.next(text); ++count)
    if (progress && count % kStep == 0) progress(documents.bytes_since());
  if (progress) progress(documents.bytes_since());
  return count;
}

}  // namespace encore
