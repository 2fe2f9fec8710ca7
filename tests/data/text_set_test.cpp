// Texts in memory make the same batches as a file of them.
#include "data/sequences/text_set.h"

#include "data/sequences/batching.h"
#include "data/sequences/masking.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;

TEST(TextSet, IsTheDatasetOfAFile) {
  const TempDir dir;
  const Tokenizer tokenizer = byte_tokenizer();
  const std::vector<std::string> texts{
      "one two three four five six seven", "", "x", std::string(60, 'y'), "exactly 14 byt", "caf\u00e9 <mask> end"};
  std::string lines;
  for (const std::string& text : texts) lines += text + "\n";
  for (const MaskUnit unit : {MaskUnit::kToken, MaskUnit::kWord}) {
    const auto objective = make_masking({.mlm_probability = 0.5, .unit = unit, .seed = 7}, tokenizer);
    const TokenCacheOptions cache{
        .corpus = {.files = {dir.write("texts.txt", lines)}}, .dir = dir.path(), .threads = 1};
    const auto file =
        Dataset::open({.cache = cache, .layout = {.mode = SequenceMode::kSplit, .seq_length = 16}}, tokenizer).train();
    const TextSet set(texts, tokenizer, 16);
    ASSERT_EQ(set.examples(), file->examples());
    EXPECT_EQ(set.sequences(), file->sequences());
    EXPECT_EQ(set.seq_length(), file->seq_length());
    for (int64_t e = 0; e < set.examples(); ++e) {
      EXPECT_EQ(set.example_tokens(e), file->example_tokens(e));
      EXPECT_EQ(set.example_sequences(e), file->example_sequences(e));
      EXPECT_EQ(set.document_of(set.first_sequence(e)), file->document_of(file->first_sequence(e)));
      // Two examples in a batch, so that rows and targets have an offset.
      const std::vector<ExampleRef> both{{.epoch = 3, .example = e}, {.epoch = 4, .example = 0}};
      const PackedBatch a = make_batch(both, set, *objective), b = make_batch(both, *file, *objective);
      EXPECT_EQ(a.ids, b.ids) << e;
      EXPECT_EQ(a.cu_seqlens, b.cu_seqlens);
      EXPECT_EQ(a.example_keys, b.example_keys);
      EXPECT_EQ(a.target_rows, b.target_rows);
      EXPECT_EQ(a.target_labels, b.target_labels);
    }
  }
}

TEST(TextSet, NothingAndTooShort) {
  const Tokenizer tokenizer = byte_tokenizer();
  const TextSet nothing({"", ""}, tokenizer, 16);
  EXPECT_EQ(nothing.examples(), 0);
  EXPECT_EQ(nothing.tokens(), 0);
  error_of([&] { TextSet({"x"}, tokenizer, 2); });
}

}  // namespace
}  // namespace encore
