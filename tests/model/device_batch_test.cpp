// The lists in backend memory after an upload, as the CPU backend holds them.
#include "model/device_batch.h"

#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

constexpr int32_t kPad = 1;

template <class T>
std::vector<T> values(const Tensor& list) {
  return {list.ptr<T>(), list.ptr<T>() + list.cols};
}
std::vector<int32_t> ints(const Tensor& list) {
  return values<int32_t>(list);
}
using Ints = std::vector<int32_t>;

// Two sequences, three targets.
PackedBatch small_batch() {
  PackedBatch b;
  b.ids = {0, 7, kPad, 0, 7};
  b.cu_seqlens = {0, 3, 5};
  b.example_keys = {40, 41};
  b.target_rows = {1, 3, 4};
  b.target_labels = {5, 6, 7};
  b.finish();
  return b;
}

struct Uploaded : testing::Test {
  DeviceBatch batch{PositionRule::kAfterPadding, kPad};
  void SetUp() override { batch.allocate(backend(), 8, 4, 6); }
};

TEST_F(Uploaded, AsItIs) {
  batch.upload(small_batch(), ReadRows::kTargets, 0.5f);
  EXPECT_EQ(ints(batch.ids), (Ints{0, 7, 1, 0, 7}));
  EXPECT_EQ(ints(batch.position_ids), (Ints{2, 3, 1, 2, 3}));
  EXPECT_FALSE(batch.type_ids);
  EXPECT_EQ(ints(batch.rows.sequence), (Ints{0, 0, 0, 1, 1}));
  EXPECT_EQ(ints(batch.rows.position), (Ints{0, 1, 2, 0, 1}));
  EXPECT_EQ(values<uint64_t>(batch.rows.example_keys), (std::vector<uint64_t>{40, 41}));
  EXPECT_EQ(ints(batch.word_segments.order), (Ints{0, 3, 2, 1, 4}));
  EXPECT_EQ(ints(batch.word_segments.start), (Ints{0, 2, 3, 5}));
  EXPECT_EQ(ints(batch.word_segments.row), (Ints{0, 1, 7}));
  EXPECT_EQ(ints(batch.position_segments.order), (Ints{2, 0, 3, 1, 4}));
  EXPECT_EQ(ints(batch.position_segments.start), (Ints{0, 1, 3, 5}));
  EXPECT_EQ(ints(batch.position_segments.row), (Ints{1, 2, 3}));
  EXPECT_EQ(ints(batch.cu_seqlens), (Ints{0, 3, 5}));
  EXPECT_EQ(ints(batch.read_cu_seqlens), (Ints{0, 1, 3}));
  EXPECT_EQ(ints(batch.read_rows), (Ints{1, 3, 4}));
  EXPECT_EQ(ints(batch.read_keys.sequence), (Ints{0, 1, 1}));
  EXPECT_EQ(ints(batch.read_keys.position), (Ints{1, 0, 1}));
  EXPECT_EQ(ints(batch.labels), (Ints{5, 6, 7}));
  EXPECT_EQ(values<float>(batch.grad_scale), std::vector<float>{0.5f});
  EXPECT_FALSE(batch.live || batch.live_read || batch.live_blocks);
}

TEST_F(Uploaded, PaddedToAShape) {
  const BatchShape shape{.tokens = 8, .sequences = 4, .read = 6};
  batch.upload(small_batch(), ReadRows::kTargets, 1, &shape);
  EXPECT_EQ(ints(batch.ids), (Ints{0, 7, 1, 0, 7, 0, 0, 0}));
  EXPECT_EQ(ints(batch.position_segments.start), (Ints{0, 1, 3, 5, 5, 5, 5, 5, 5}));
  EXPECT_EQ(ints(batch.position_segments.row), (Ints{1, 2, 3, -1, -1, -1, -1, -1}));
  EXPECT_EQ(ints(batch.cu_seqlens), (Ints{0, 3, 5, 5, 5}));
  EXPECT_EQ(ints(batch.read_cu_seqlens), (Ints{0, 1, 3, 3, 3}));
  EXPECT_EQ(ints(batch.labels), (Ints{5, 6, 7, -1, -1, -1}));
  EXPECT_EQ(ints(batch.live), Ints{5});
  EXPECT_EQ(ints(batch.live_read), Ints{3});
  EXPECT_EQ(ints(batch.live_blocks), Ints{3});
  batch.upload(small_batch(), ReadRows::kTargets, 1);
  EXPECT_FALSE(batch.live) << "the next batch is not padded";
}

TEST_F(Uploaded, FirstRowsForAClassifier) {
  PackedBatch b = small_batch();
  b.type_ids = {0, 1, 1, 0, 1};
  batch.upload(b, ReadRows::kFirstOfEach, 1);
  EXPECT_EQ(ints(batch.type_ids), b.type_ids);
  EXPECT_EQ(ints(batch.read_rows), (Ints{0, 3}));
  EXPECT_EQ(ints(batch.labels), (Ints{-1, -1})) << "no labels: none counts";
}

TEST_F(Uploaded, TheLargestBatchFillsWhatWasMeasured) {
  PackedBatch b = small_batch();
  b.ids = {0, 7, kPad, 0, 7, 8, 9, 10};
  b.cu_seqlens = {0, 3, 5, 7, 8};
  b.example_keys = {40, 41, 42, 43};
  b.type_ids.assign(8, 0);
  b.finish();
  const BatchShape shape{.tokens = 8, .sequences = 4, .read = 6};
  batch.upload(b, ReadRows::kTargets, 1, &shape);
  const char *begin = batch.ids.ptr<char>(), *end = batch.live_blocks.ptr<char>() + batch.live_blocks.bytes();
  EXPECT_EQ((size_t(end - begin) + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment,
            DeviceBatch::bytes(8, 4, 6));
}

TEST_F(Uploaded, ABatchThatIsTooLargeIsRefused) {
  PackedBatch large = small_batch();
  large.ids.assign(1000, 3);
  large.cu_seqlens = {0, 1000};
  large.example_keys = {40};
  large.finish();
  EXPECT_THROW(batch.upload(large, ReadRows::kTargets, 1), Error);
}

}  // namespace
}  // namespace encore::test
