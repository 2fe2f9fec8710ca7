#include "data/sequences/ledger.h"

#include <fmt/format.h>

#include <iterator>

namespace encore {
namespace {

// 7141485 -> "7,141,485".
std::string grouped(int64_t n) {
  const std::string digits = fmt::format("{}", n);
  std::string s;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) s += ',';
    s += digits[i];
  }
  return s;
}

}  // namespace

bool Ledger::adds_up() const {
  return tokens_in == tokens_train + tokens_held_out + tokens_truncated &&
         documents_in == documents_train + documents_held_out + documents_empty;
}

std::string Ledger::str() const {
  std::string out;
  const auto line = [&](const char* name, int64_t value, const std::string& note = "") {
    fmt::format_to(std::back_inserter(out), "  {:<24}{:>16}{}{}\n", name, grouped(value), note.empty() ? "" : "  ",
                   note);
  };
  if (documents_continued > 0)
    out += fmt::format("Corpus (tokenized now, but {} documents by an earlier start)\n", grouped(documents_continued));
  else
    out += from_cache ? "Corpus (tokens from the cache)\n" : "Corpus (tokenized now)\n";
  constexpr size_t kListed = 20;
  for (size_t i = 0; i < files.size() && i < kListed; ++i)
    fmt::format_to(std::back_inserter(out), "  {}: {} documents, {} bytes of text\n", files[i].path,
                   grouped(files[i].documents), grouped(files[i].bytes));
  if (files.size() > kListed) fmt::format_to(std::back_inserter(out), "  ... {} files in all\n", files.size());
  line("documents", documents_in);
  line("  to train on", documents_train);
  line("  held out", documents_held_out, documents_held_out > 0 ? "chosen by hash of their text" : "");
  line("  empty", documents_empty);
  line("tokens, without specials", tokens_in);
  line("  to train on", tokens_train);
  line("  held out", tokens_held_out);
  line("  dropped", tokens_truncated, tokens_truncated > 0 ? "past the sequence length (mode truncate)" : "");
  if (tokens_repeated > 0) line("seen twice", tokens_repeated, "overlap of neighbouring sequences");
  line("<s> and </s> added", specials_added);
  line("sequences to train on", sequences_train, fmt::format("in {} examples", grouped(examples_train)));
  if (sequences_held_out > 0)
    line("sequences held out", sequences_held_out, fmt::format("in {} examples", grouped(examples_held_out)));
  return out;
}

}  // namespace encore
