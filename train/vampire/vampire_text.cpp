#include "train/vampire/vampire_text.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <mutex>

#include "data/select/sentences.h"
#include "data/select/words/words.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"
#include "kernels/base/human.h"
#include "kernels/base/rng.h"
#include "kernels/base/thread_team.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

constexpr int64_t kTextsAtATime = 4096;
constexpr int kInterrupted = 75;  // exit code

TextSource source_of(const std::vector<std::string>& paths, const VampireTextOptions& options) {
  auto passages = std::make_shared<Passages>(paths, options.reading,
                                             options.sentences ? Passages::Unit::kSentence : Passages::Unit::kDocument);
  return [passages](std::string& text) { return passages->next(text); };
}

void check_apart(const std::vector<std::string>& train, const std::vector<std::string>& dev) {
  std::error_code error;
  for (const std::string& a : train)
    for (const std::string& b : dev)
      check(!std::filesystem::equivalent(a, b, error),
            "--dev {}: is a file of --train{}: give other text, or leave out --dev and let --held-out choose", b,
            a == b ? "" : fmt::format(" (also named {})", a));
}

std::shared_ptr<const BagFile> bags_of(const std::vector<std::string>& paths, const VampireTextOptions& options,
                                       const BagVocabulary& vocabulary) {
  const CorpusOptions& r = options.reading;
  return BagFile::open({.paths = paths,
                        .reading = fmt::format("{} {} {} {}", options.sentences ? "sentences" : "documents",
                                               int(r.blank_line_documents), int(r.quote_none), r.text_field),
                        .open = [&] { return source_of(paths, options); },
                        .dir = options.cache_dir,
                        .threads = options.threads,
                        .stop = options.stop},
                       vocabulary);
}

BagVocabulary fitted(const std::vector<std::string>& train, const std::vector<std::string>& dev,
                     const VampireTextOptions& options) {
  std::vector<std::string> all = train;
  all.insert(all.end(), dev.begin(), dev.end());
  const TextSource source = source_of(all, options);
  int64_t texts = 0;
  const TextSource stoppable = [&](std::string& text) {
    if (options.stop && ++texts % kTextsAtATime == 0 && options.stop())
      throw Error("stopped while the words of the text were counted", kInterrupted);
    return source(text);
  };
  return BagVocabulary::fit(
      stoppable, {.size = options.vocabulary, .stop_words = english_stop_words(), .threads = options.threads});
}

// The seed is fixed: every run holds out the same texts, whatever else it is given.
bool is_held_out(uint64_t text_hash, double share) {
  return uniform(draw(0, text_hash, draw_site(0, Site::kHeldOut), 0)) < share;
}

// Why a text has nothing to work with, for a message.
std::string what_is_left(const DocumentSet& set) {
  const DocumentSet::Counts& c = set.counts();
  return fmt::format("{} read, {} without a word of the vocabulary, {} too short (--least-sum)", with_commas(c.read),
                     with_commas(c.without_words), with_commas(c.too_short));
}

}  // namespace

DocumentSet::DocumentSet(std::shared_ptr<const BagFile> bags, std::vector<int64_t> texts,
                         std::shared_ptr<const TfIdf> tfidf, double least_sum)
    : bags_(std::move(bags)), tfidf_(std::move(tfidf)), texts_(std::move(texts)) {
  SparseRows row;
  for (const int64_t text : texts_) {
    row.clear();
    bags_->append(text, row);
    if (tfidf_) tfidf_->weigh(row);
    if (row.values() == 0)
      ++counts_.without_words;
    else if (sum_of_row(row, 0) > least_sum)
      kept_.push_back(text);
    else
      ++counts_.too_short;
  }
  counts_.read = int64_t(texts_.size());
  bags_->check_whole();
}

void DocumentSet::add(int64_t document, uint64_t epoch, VampireBatch& batch) const {
  const int64_t text = kept_[size_t(document)];
  SparseRows row;
  bags_->append(text, row);
  bags_->check_whole();
  if (tfidf_) tfidf_->weigh(row);
  batch.add(row.column, row.value, example_key(epoch, uint64_t(text)));
}

int64_t DocumentSet::most_values(int64_t documents) const {
  std::vector<int64_t> values;
  for (const int64_t text : kept_) values.push_back(bags_->values(text));
  documents = std::min(documents, size());
  std::nth_element(values.begin(), values.begin() + documents, values.end(), std::greater<>());
  int64_t sum = 0;
  for (int64_t d = 0; d < documents; ++d) sum += values[size_t(d)];
  return sum;
}

uint64_t DocumentSet::fingerprint() const {
  Hasher hash;
  if (!bags_) return hash.digest();
  hash.add(bags_->fingerprint()).add(uint64_t(tfidf_ != nullptr));
  hash.add(texts_.data(), texts_.size() * sizeof texts_[0]).add(kept_.data(), kept_.size() * sizeof kept_[0]);
  return hash.digest();
}

PairCounts DocumentSet::pair_counts(const std::vector<std::vector<int32_t>>& topics, int threads) const {
  PairCounts counts(topics, bags_->columns());
  std::mutex mutex;
  std::atomic<size_t> next{0};
  LoopFailure failure;
  run_on_team(loop_threads(threads), [&] {
    failure.guard([&] {
      PairCounts own(topics, bags_->columns());
      SparseRows rows;
      for (size_t first; (first = next.fetch_add(kTextsAtATime)) < texts_.size();) {
        rows.clear();
        for (size_t t = first; t < std::min(first + kTextsAtATime, texts_.size()); ++t) bags_->append(texts_[t], rows);
        own.add(rows, 0, rows.rows());
      }
      const std::lock_guard lock(mutex);
      counts.add(own);
    });
  });
  failure.rethrow();
  bags_->check_whole();
  return counts;
}

VampireText VampireText::open(const VampireTextOptions& options, std::optional<BagVocabulary> vocabulary) {
  const std::vector<std::string>&train = options.train, &dev = options.dev;
  check_apart(train, dev);
  check(!dev.empty() || options.held_out > 0, "--held-out 0 needs --dev: NPMI is measured on dev text");
  VampireText text;
  text.vocabulary = vocabulary ? std::move(*vocabulary) : fitted(train, dev, options);
  text.held_out = dev.empty();
  const std::shared_ptr<const TfIdf> tfidf = options.tfidf ? std::make_shared<TfIdf>(text.vocabulary) : nullptr;
  const auto bags = bags_of(train, options, text.vocabulary);
  std::vector<int64_t> to_train, to_dev;
  for (int64_t t = 0; t < bags->texts(); ++t)
    (text.held_out && is_held_out(bags->hash(t), options.held_out) ? to_dev : to_train).push_back(t);
  text.train = DocumentSet(bags, std::move(to_train), tfidf, options.least_sum);
  check(text.train.size() >= 2, "--train: {} {} left to train on, two are needed: {}", text.train.size(),
        options.sentences ? "sentences are" : "documents are", what_is_left(text.train));
  const auto dev_bags = text.held_out ? bags : bags_of(dev, options, text.vocabulary);
  if (!text.held_out)
    for (int64_t t = 0; t < dev_bags->texts(); ++t) to_dev.push_back(t);
  text.dev = DocumentSet(dev_bags, std::move(to_dev), tfidf, options.least_sum);
  check(text.dev.size() > 0, "{}: the dev text has no document with known words: {}",
        text.held_out ? fmt::format("--held-out {:g}", options.held_out) : "--dev", what_is_left(text.dev));
  return text;
}

}  // namespace encore
