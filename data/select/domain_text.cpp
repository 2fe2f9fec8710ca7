#include "data/select/domain_text.h"

#include <sys/stat.h>

#include <map>
#include <memory>
#include <utility>

#include "data/select/words/white_space.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

bool is_blank(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (!c.valid || !is_white_space(c.value)) return false;
    at += c.size;
  }
  return true;
}

}  // namespace

DomainText::DomainText(std::vector<std::string> paths, const CorpusOptions& options, Passages::Unit unit,
                       const ReadProgress& progress)
    : paths_(std::move(paths)), options_(options), unit_(unit), files_(stat_files(paths_)) {
  constexpr int64_t kStep = 1000;
  Passages reader(paths_, options_, unit_);
  Hasher hasher;
  int64_t told = 0;
  bool any = false;
  for (std::string text; reader.next(text); ++passages_) {
    hasher.add_text(text);
    text_bytes_ += int64_t(text.size());
    any = any || !is_blank(text);
    if (progress && passages_ % kStep == 0) progress(reader.bytes_read() - std::exchange(told, reader.bytes_read()));
  }
  documents_ = reader.documents();
  fingerprint_ = hasher.digest();
  check(any, "{}: the domain has no text in {} documents: nothing can be chosen", paths_.empty() ? "" : paths_[0],
        documents_);
  check_untouched(files_);
}

TextSource DomainText::source(int64_t first) const {
  check_untouched(files_);
  auto reader = std::make_shared<Passages>(paths_, options_, unit_);
  return [reader, skip = first](std::string& text) mutable {
    for (; skip > 0; --skip)
      if (!reader->next(text)) return false;
    return reader->next(text);
  };
}

std::vector<DomainPassage> DomainText::find(const std::vector<int64_t>& ids) const {
  check_untouched(files_);
  std::vector<DomainPassage> out;
  Passages reader(paths_, options_, unit_);
  int64_t number = 0;
  for (std::string text; out.size() < ids.size() && reader.next(text); ++number)
    if (number == ids[out.size()])
      out.push_back({.text = text, .file = reader.file(), .line = reader.line(), .sentence = reader.sentence()});
  check_untouched(files_);
  check(out.size() == ids.size(), "the domain's text changed while it was read: start again");
  return out;
}

void check_files_apart(const std::vector<NamedFiles>& lists) {
  std::map<std::pair<dev_t, ino_t>, std::pair<std::string, std::string>> owners;  // {list, path} of a file
  for (const NamedFiles& list : lists)
    for (const std::string& path : list.paths) {
      struct stat info {};
      if (::stat(path.c_str(), &info) != 0) continue;  // resolve_files has just seen it; the reader names it
      const auto [found, fresh] = owners.try_emplace({info.st_dev, info.st_ino}, list.name, path);
      check(fresh, "{} and {} both name the file {}: give each files of its own", found->second.first, list.name, path);
    }
}

}  // namespace encore
