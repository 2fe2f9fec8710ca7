#include "train/row_blocks.h"

#include <algorithm>
#include <utility>

#include "kernels/base/check.h"

namespace encore {
namespace {

constexpr int64_t kMostRows = 4096;     // of a block
constexpr int64_t kBytesPerToken = 64;  // text of a block for each token of a batch: 16 batches at 4 bytes a token
// For each byte of text: the line, its JSON, the row, and its tokens on their way into the set. Measured with one row
// of 20 MiB: 6.
constexpr size_t kReadingBytes = 6;

int64_t bytes_of(const LabelledRow& row) {
  return int64_t(row.text.size() + row.text_pair.size());
}

}  // namespace

RowBlocks::RowBlocks(Options options, const Tokenizer& tokenizer)
    : options_(std::move(options)),
      tokenizer_(tokenizer),
      reader_(std::make_unique<LabelledReader>(options_.path, options_.fields)) {
  first_ = read_block(text_bytes_);
  total_ = first_.size();
  for (LabelledRow row; reader_->next(row); ++total_) {
    text_bytes_ += bytes_of(row);
    longest_ = std::max(longest_, bytes_of(row));
  }
  whole_ = first_.size() == total_;
}

size_t RowBlocks::reading_bytes() const {
  if (whole_) return 0;
  return kReadingBytes * size_t(std::min(text_bytes_, kBytesPerToken * options_.tokens_per_batch + longest_));
}

ClassificationSet RowBlocks::read_block(int64_t& bytes) {
  std::vector<LabelledRow> rows;
  bytes = 0;
  for (LabelledRow row;
       int64_t(rows.size()) < kMostRows && bytes < kBytesPerToken * options_.tokens_per_batch && reader_->next(row);
       rows.push_back(std::move(row)))
    bytes += bytes_of(row);
  return tokenize_rows(rows, options_.path, tokenizer_, options_.labels, options_.max_length, options_.threads);
}

bool RowBlocks::next(ClassificationSet& block) {
  if (given_ == total_) return false;
  if (given_ == 0) {
    block = std::exchange(first_, ClassificationSet());
    if (!whole_) {
      reader_ = std::make_unique<LabelledReader>(options_.path, options_.fields);
      LabelledRow row;
      for (int64_t i = 0; i < block.size() && reader_->next(row);) ++i;
    }
  } else {
    int64_t bytes = 0;
    block = read_block(bytes);
  }
  given_ += block.size();
  cut_ += block.truncated_rows;
  check(block.size() > 0 && given_ <= total_, "{}: the file changed while it was read", options_.path);
  return true;
}

std::string RowBlocks::cut_note() const {
  return cut_ ? fmt::format("{} of {} rows were cut to {} tokens", cut_, given_, options_.max_length) : "";
}

}  // namespace encore
