#include "train/evaluator.h"

#include <algorithm>
#include <array>
#include <map>

namespace encore {
namespace {

struct Sum {
  double loss = 0;
  int64_t targets = 0;
};

// Adds each target's loss to the document that its sequence starts in.
void add_by_document(const std::vector<ExampleRef>& examples, const SequenceSet& set, const PackedBatch& batch,
                     const std::vector<float>& target_loss, std::map<int64_t, Sum>& documents) {
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

}  // namespace

Evaluator::Evaluator(std::shared_ptr<const SequenceSet> set, const Masker& fixed, int64_t tokens_per_batch)
    : set_(std::move(set)), masker_(fixed), tokens_per_batch_(tokens_per_batch) {}

EvalResult Evaluator::run(Reservation& reservation, Communicator& comm, bool per_document) const {
  Model& model = reservation.model();
  const int64_t first = set_->examples() * comm.rank() / comm.size();
  const int64_t last = set_->examples() * (comm.rank() + 1) / comm.size();
  std::vector<ExampleRef> examples;
  for (int64_t e = first; e < last; ++e) examples.push_back({.epoch = 0, .example = e});

  std::map<int64_t, Sum> documents;
  std::vector<float> target_loss;
  int64_t tokens = 0;
  for (const auto& part : micro_batches(examples, *set_, tokens_per_batch_)) {
    const PackedBatch batch = make_batch(part, *set_, masker_);
    tokens += batch.tokens();
    if (batch.targets() == 0) continue;
    reservation.fit(batch);
    model.evaluate(batch, per_document ? &target_loss : nullptr);
    if (per_document) add_by_document(part, *set_, batch, target_loss, documents);
  }
  const LossTotals totals = reservation.model().take_totals();
  std::array<double, 1> loss{totals.loss_sum};
  std::array<int64_t, 3> counts{totals.targets, totals.correct, tokens};
  comm.all_reduce_sum(std::span<double>(loss));
  comm.all_reduce_sum(std::span<int64_t>(counts));
  const double targets = double(std::max<int64_t>(1, counts[0]));
  EvalResult result{.loss = loss[0] / targets,
                    .accuracy = double(counts[1]) / targets,
                    .targets = counts[0],
                    .tokens = counts[2],
                    .documents = int64_t(documents.size())};
  for (const auto& [document, sum] : documents)
    result.document_loss += sum.loss / double(sum.targets) / double(documents.size());
  return result;
}

}  // namespace encore
