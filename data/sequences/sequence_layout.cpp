#include "data/sequences/sequence_layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"

namespace encore {
namespace {

// The seed is fixed: every run holds out the same documents.
double held_out_draw(uint64_t text_hash) {
  return uniform(draw(0, text_hash, draw_site(0, Site::kHeldOut), 0));
}

class Layouter {
 public:
  Layouter(const TokenCache& cache, const LayoutOptions& options, const SpecialsTemplate::Single& around)
      : cache_(cache),
        options_(options),
        before_(int64_t(around.before.size())),
        after_(int64_t(around.after.size())),
        room_(options.seq_length - before_ - after_) {}

  TokenCacheReader& reader() { return cache_; }

  void add(int64_t document) {
    const int64_t begin = cache_.document_start(document), end = cache_.document_start(document + 1);
    if (begin == end) return;
    ++out_.documents;
    switch (options_.mode) {
      case SequenceMode::kTruncate: truncate(begin, end); break;
      case SequenceMode::kSplit: split(begin, end); break;
      case SequenceMode::kPack: pack(begin, end); break;
      case SequenceMode::kFull: options_.cross_document_attention ? fill_across(begin, end) : fill(begin, end); break;
    }
  }

  SequenceLayout finish() {
    if (options_.mode == SequenceMode::kFull && !options_.cross_document_attention)
      out_.example_start.push_back(out_.sequences.size());
    out_.sequences.shrink_to_fit();
    out_.example_start.shrink_to_fit();
    out_.lengths_across.shrink_to_fit();
    return std::move(out_);
  }

 private:
  void push(int64_t start, int64_t length) {
    out_.sequences.push_back({uint64_t(start), uint64_t(length)});
    out_.tokens += length;
    out_.specials += before_ + after_;
  }

  void truncate(int64_t begin, int64_t end) {
    push(begin, std::min(room_, end - begin));
    out_.truncated += std::max<int64_t>(0, end - begin - room_);
  }

  void split(int64_t begin, int64_t end) {
    push(begin, std::min(room_, end - begin));
    for (int64_t done = begin + room_; done < end; done += room_ - options_.stride) {
      const int64_t start = done - options_.stride;
      push(start, std::min(room_, end - start));
      out_.tokens -= options_.stride;
      out_.repeated += options_.stride;
    }
  }

  void pack(int64_t begin, int64_t end) {
    int64_t start = begin;  // of the current sequence
    for (int64_t line = begin; line < end;) {
      int64_t next = line + 1;
      while (next < end && !cache_.starts_line(next)) ++next;
      if (next - start > room_ && line > start) {
        push(start, line - start);
        start = line;
      }
      for (; next - start > room_; start += room_) push(start, room_);
      line = next;
    }
    if (start < end) push(start, end - start);
  }

  // An example takes pieces while there is room for one token with its special tokens.
  void fill(int64_t begin, int64_t end) {
    while (begin < end) {
      if (left_ < before_ + 1 + after_) {
        out_.example_start.push_back(out_.sequences.size());
        left_ = options_.seq_length;
      }
      const int64_t length = std::min(left_ - before_ - after_, end - begin);
      push(begin, length);
      begin += length;
      left_ -= before_ + length + after_;
    }
  }

  // <s> piece </s> piece </s> ...: the sequence has one <s>, every piece its </s>.
  void fill_across(int64_t begin, int64_t end) {
    while (begin < end) {
      if (left_ < 1 + after_) {
        out_.sequences.push_back({uint64_t(begin), 0});
        out_.lengths_across.push_back(0);
        out_.specials += before_;
        left_ = options_.seq_length - before_;
      }
      const int64_t length = std::min(left_ - after_, end - begin);
      out_.sequences.back().length += uint64_t(length);
      out_.tokens += length;
      out_.specials += after_;
      begin += length;
      left_ -= length + after_;
      out_.lengths_across.back() = uint32_t(options_.seq_length - left_);
    }
  }

  TokenCacheReader cache_;
  const LayoutOptions& options_;
  int64_t before_, after_;  // special tokens of a sequence
  int64_t room_;            // for tokens of the text
  int64_t left_ = 0;        // room in the current example
  SequenceLayout out_;
};

// "<s>, a token, </s>"
std::string shortest_sequence(const SpecialsTemplate::Single& around, const Tokenizer& tokenizer) {
  std::vector<std::string> names;
  for (const int32_t id : around.before) names.push_back(tokenizer.token(id));
  names.push_back("a token");
  for (const int32_t id : around.after) names.push_back(tokenizer.token(id));
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

void check_layout_options(const LayoutOptions& o, const Tokenizer& tokenizer) {
  const SpecialsTemplate::Single& around = tokenizer.specials().single;
  check(!tokenizer.specials().empty(), "{}", kNoSpecials);
  const int64_t specials = int64_t(around.size());
  check(o.seq_length > specials && o.seq_length < (int64_t(1) << TokenRun::kLengthBits),
        "sequences of {} tokens: the length must be at least {} ({}) and below {}", o.seq_length, specials + 1,
        shortest_sequence(around, tokenizer), int64_t(1) << TokenRun::kLengthBits);
  check(o.stride >= 0 && o.stride < o.seq_length - specials,
        "windows that overlap by {} tokens: it must be at least 0 and less than the sequence length - {} = {}",
        o.stride, specials, o.seq_length - specials);
  check(o.stride == 0 || o.mode == SequenceMode::kSplit,
        "windows that overlap by {} tokens: only mode split has an overlap", o.stride);
  check(!o.cross_document_attention || o.mode == SequenceMode::kFull,
        "attention across documents: only mode full joins documents");
  check(o.held_out >= 0 && o.held_out < 1, "held-out share {}: must be at least 0 and less than 1", o.held_out);
}

HeldOutChoice::HeldOutChoice(const TokenCache& cache, double share) : threshold_(share) {
  if (share <= 0) return;
  TokenCacheReader reader(cache);
  double least = 2, greatest = -1;
  for (int64_t d = 0; d < cache.documents(); ++d) {
    if (reader.document_start(d) == reader.document_start(d + 1)) continue;
    const double u = held_out_draw(reader.document_hash(d));
    least = std::min(least, u);
    greatest = std::max(greatest, u);
  }
  check(least < greatest,
        "{}: no documents to hold out for evaluation, since there is only one distinct text; give evaluation data",
        cache.files().front().path);
  // Even a small corpus has at least one text on each side.
  if (threshold_ <= least) threshold_ = std::nextafter(least, 1.0);
  threshold_ = std::min(threshold_, greatest);
}

bool HeldOutChoice::operator()(TokenCacheReader& reader, int64_t document) const {
  return threshold_ > 0 && held_out_draw(reader.document_hash(document)) < threshold_;
}

SequenceLayout lay_out(const TokenCache& cache, const HeldOutChoice& choice, bool held_out,
                       const LayoutOptions& options, const SpecialsTemplate::Single& around) {
  Layouter layouter(cache, options, around);
  if (held_out && !choice.any()) return layouter.finish();
  for (int64_t d = 0; d < cache.documents(); ++d)
    if (choice(layouter.reader(), d) == held_out) layouter.add(d);
  return layouter.finish();
}

}  // namespace encore
