// Batches, epochs and text of a VAMPIRE run, apart from its files.
#include "train/vampire/vampire_epochs.h"

#include <cmath>
#include <limits>
#include <set>

#include "kernels/base/rng.h"
#include "tests/train/tiny_run.h"
#include "train/nonfinite.h"

namespace encore::test {
namespace {

class VampireRuns : public testing::Test {
 protected:
  void SetUp() override {
    std::string text;
    for (int d = 0; d < 61; ++d) {
      for (int w = 0; w < 4 + d % 7; ++w) text += "word" + std::string(1, char('a' + (d * 5 + w * w) % 20)) + " ";
      text += "\n";
    }
    write_text(folder_ / "train.txt", text + "\nthe of p53\nworda\n");
    write_text(folder_ / "dev.txt", text.substr(0, text.size() / 3));
    spec_.text = {.train = {folder_ / "train.txt"}, .dev = {folder_ / "dev.txt"}, .cache_dir = folder_ / "cache"};
    spec_.text.threads = 1;
    spec_.model = {.hidden = 5, .latent = 5};
    spec_.batch_documents = 20;
  }
  VampireText text() const { return VampireText::open(spec_.text, {}); }

  TemporaryFolder folder_;
  VampireSpec spec_;
  std::unique_ptr<Backend> backend_ = make_backend("cpu", 1);
};

TEST_F(VampireRuns, TextsThatAreLeftOutAreCounted) {
  const VampireText text = this->text();
  EXPECT_EQ(text.train.counts().read, 64);
  EXPECT_EQ(text.train.counts().without_words, 2);
  EXPECT_EQ(text.train.counts().too_short, 1);
  EXPECT_EQ(text.train.size(), 61);
  EXPECT_EQ(text.vocabulary.texts(), 64 + text.dev.counts().read);
  spec_.text.tfidf = true;
  spec_.text.least_sum = 2;  // n different words of equal weight sum to the root of n
  EXPECT_LT(this->text().train.size(), 61);
}

TEST_F(VampireRuns, EveryDocumentOnceAnEpochAndNoBatchOfOne) {
  const VampireText text = this->text();
  for (const int64_t documents : {2, 12, 20, 30, 60, 61, 100}) {
    const VampireBatches batches(text.train, documents, 7);
    std::vector<std::vector<uint64_t>> orders;
    for (const int64_t epoch : {0, 1}) {
      VampireBatch batch;
      std::vector<uint64_t> order;
      for (int64_t b = 0; b < batches.per_epoch(); ++b) {
        batches.fill(epoch, b, batch);
        EXPECT_GE(batch.documents(), 2) << documents;
        EXPECT_LE(batch.documents(), batches.capacity().documents) << documents;
        EXPECT_LE(batch.entries(), batches.capacity().entries) << documents;
        for (const uint64_t key : batch.document_keys) {
          EXPECT_EQ(key >> 40, uint64_t(epoch));
          order.push_back(key & ((uint64_t(1) << 40) - 1));
        }
      }
      EXPECT_EQ(order.size(), size_t(text.train.size())) << documents;
      EXPECT_EQ(std::set<uint64_t>(order.begin(), order.end()).size(), order.size()) << documents;
      orders.push_back(order);
    }
    EXPECT_NE(orders[0], orders[1]);
  }
}

TEST_F(VampireRuns, TheSentenceIsTheUnitWhereItIsAskedFor) {
  write_text(folder_ / "train.txt",
             "One kinase binds one receptor protein. Another enzyme cuts another peptide bond.\n");
  spec_.text.sentences = true;
  spec_.text.least_sum = 1;
  EXPECT_EQ(text().train.counts().read, 2);
}

TEST_F(VampireRuns, HeldOutTextIsNotTrainedOn) {
  spec_.text.dev.clear();
  spec_.text.held_out = 0.3;
  const VampireText text = this->text();
  EXPECT_TRUE(text.held_out);
  EXPECT_EQ(text.train.counts().read + text.dev.counts().read, 64);
  EXPECT_GT(text.dev.size(), 5);
  EXPECT_GT(text.train.size(), 20);
}

TEST_F(VampireRuns, AWeightThatIsNotFiniteEndsTheStepWithAdvice) {
  const VampireText text = this->text();
  VampireEpochs epochs(spec_, text, *backend_, 1);
  epochs.run_step();
  const float bad = std::numeric_limits<float>::quiet_NaN();
  ParamStore& params = epochs.model().params();
  backend_->copy_to_device(params.weights().col_range(params.parameters()[1].offset, 1).data, &bad, sizeof bad);
  params.weights_changed();
  try {
    while (!epochs.epoch_complete()) epochs.run_step();
    FAIL() << "nothing was noticed";
  } catch (const NonFiniteError& e) {
    const std::string message = e.what();
    for (const char* part : {"epoch 1, step 2", "--tfidf", "--batch-documents", "--lr", "--kl-clamp", "--kl-schedule"})
      EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST_F(VampireRuns, PatienceEndsTheRun) {
  spec_.patience = 2;
  spec_.epochs = 50;
  spec_.lr = 0;  // the topics stay those of the first epoch
  const VampireText text = this->text();
  VampireEpochs epochs(spec_, text, *backend_, 1);
  while (!epochs.over()) {
    while (!epochs.epoch_complete()) epochs.run_step();
    epochs.end_epoch();
  }
  EXPECT_EQ(epochs.progress().epochs, 3);
  EXPECT_EQ(epochs.progress().best_epoch, 1);
}

// A state holds all that the next step depends on, the running statistics of batch norm too.
TEST_F(VampireRuns, AStateGivesTheSameBits) {
  const VampireText text = this->text();
  VampireEpochs first(spec_, text, *backend_, 1), second(spec_, text, *backend_, 1);
  first.run_step();
  RunState state;
  state.step = first.step();
  state.progress = to_json(first.progress());
  const std::string dir = folder_ / "state/step-1";
  save_state(dir, state, first.buffers());
  const RunState saved = read_state(dir);
  second.progress() = vampire_progress_from_json(saved.progress, dir);
  load_state(dir, saved, second.buffers());
  second.loaded();
  EXPECT_EQ(first.model().read(VampireBuffer::kRunningVariance), second.model().read(VampireBuffer::kRunningVariance));
  for (VampireEpochs* run : {&first, &second})
    while (!run->epoch_complete()) run->run_step();
  const VampireEpochs::Epoch a = first.end_epoch(), b = second.end_epoch();
  EXPECT_EQ(a.dev.loss(1), b.dev.loss(1));
  EXPECT_EQ(a.train.nll, b.train.nll);
  EXPECT_EQ(to_json(a.topics), to_json(b.topics));
  // Without them the evaluation differs: the test would notice their absence.
  second.model().write(VampireBuffer::kRunningMean, std::vector<float>(size_t(text.vocabulary.columns())));
  second.model().evaluate([&] {
    VampireBatch batch;
    text.dev.add(0, 0, batch);
    return batch;
  }());
  first.model().evaluate([&] {
    VampireBatch batch;
    text.dev.add(0, 0, batch);
    return batch;
  }());
  EXPECT_NE(first.model().take_totals().log_likelihood, second.model().take_totals().log_likelihood);
}

}  // namespace
}  // namespace encore::test
