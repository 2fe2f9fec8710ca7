#include "train/evaluator.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <map>

namespace encore {
namespace {

struct Sum {
  double loss = 0;
  int64_t targets = 0;
};
using Documents = std::map<int64_t, Sum>;  // by the document's number

// Adds each target's loss to the document that its sequence starts in.
void add_by_document(const std::vector<ExampleRef>& examples, const SequenceSet& set, const PackedBatch& batch,
                     const std::vector<float>& target_loss, Documents& documents) {
  std::vector<int64_t> document;  // of each sequence of the batch
  for (const ExampleRef& ref : examples) {
    const int64_t first = set.first_sequence(ref.example), count = set.example_sequences(ref.example);
    for (int64_t s = first; s < first + count; ++s) document.push_back(set.document_of(s));
  }
  check(int64_t(document.size()) == batch.sequences() && int64_t(target_loss.size()) == batch.targets(),
        "the batch holds {} sequences, its examples {}", batch.sequences(), document.size());
  for (int64_t t = 0; t < batch.targets(); ++t) {
    Sum& sum = documents[document[batch.row_sequence[batch.target_rows[t]]]];
    sum.loss += double(target_loss[t]);
    ++sum.targets;
  }
}

// Counts a document once, with the sums of all ranks, if its windows lie in the batches of several.
void add_document_loss(const Documents& mine, Communicator& comm, EvalResult& result) {
  struct Entry {
    int64_t document;
    Sum sum;
  };
  std::vector<Entry> entries;
  for (const auto& [document, sum] : mine) entries.push_back({document, sum});
  Documents all;
  const std::string_view bytes(reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(Entry));
  for (const std::string& theirs : comm.gather(bytes))
    for (size_t at = 0; at < theirs.size(); at += sizeof(Entry)) {
      Entry entry;
      std::memcpy(&entry, theirs.data() + at, sizeof entry);
      Sum& sum = all[entry.document];
      sum.loss += entry.sum.loss;
      sum.targets += entry.sum.targets;
    }
  std::array<double, 1> loss{};
  std::array<int64_t, 1> documents{int64_t(all.size())};
  for (const auto& [document, sum] : all) {
    const double mean = sum.loss / double(sum.targets);
    loss[0] += mean / double(all.size());
    result.by_document.push_back({.document = document, .loss = mean, .targets = sum.targets});
  }
  // Only rank 0 has the gathered sums; the others add zeros.
  comm.all_reduce_sum(std::span<double>(loss));
  comm.all_reduce_sum(std::span<int64_t>(documents));
  result.document_loss = documents[0] > 0 ? loss[0] : std::numeric_limits<double>::quiet_NaN();
  result.documents = documents[0];
}

}  // namespace

std::string EvalResult::doubt() const {
  if (targets >= kFewTargets) return "";
  if (targets == 0)
    return fmt::format("the {} tokens of the evaluation text hold no target: there is no loss; give more text", tokens);
  return fmt::format("the loss is that of {} targets, and so mostly chance: give more text", targets);
}

Evaluator::Evaluator(std::shared_ptr<const SequenceSet> set, std::shared_ptr<const Objective> fixed,
                     int64_t tokens_per_batch)
    : set_(std::move(set)), objective_(std::move(fixed)), tokens_per_batch_(tokens_per_batch) {}

EvalResult Evaluator::run(Reservation& reservation, Communicator& comm, bool per_document) const {
  Model& model = reservation.model();
  std::vector<ExampleRef> examples;
  for (int64_t e = 0; e < set_->examples(); ++e) examples.push_back({.epoch = 0, .example = e});
  const auto batches = micro_batches(examples, *set_, tokens_per_batch_);
  const size_t first = batches.size() * size_t(comm.rank()) / size_t(comm.size());
  const size_t last = batches.size() * size_t(comm.rank() + 1) / size_t(comm.size());

  Documents documents;
  std::vector<float> target_loss;
  int64_t tokens = 0;
  for (size_t b = first; b < last; ++b) {
    const PackedBatch batch = make_batch(batches[b], *set_, *objective_);
    tokens += batch.tokens();
    if (batch.targets() == 0) continue;
    reservation.fit(batch);
    model.evaluate(batch, per_document ? &target_loss : nullptr);
    if (per_document) add_by_document(batches[b], *set_, batch, target_loss, documents);
  }
  const LossTotals totals = reservation.model().take_totals();
  std::array<double, 1> loss{totals.loss_sum};
  std::array<int64_t, 3> counts{totals.targets, totals.correct, tokens};
  comm.all_reduce_sum(std::span<double>(loss));
  comm.all_reduce_sum(std::span<int64_t>(counts));
  const double targets = double(counts[0]);  // 0 / 0 is NaN: no figure
  EvalResult result{
      .loss = loss[0] / targets, .accuracy = double(counts[1]) / targets, .targets = counts[0], .tokens = counts[2]};
  if (per_document) add_document_loss(documents, comm, result);
  return result;
}

}  // namespace encore
