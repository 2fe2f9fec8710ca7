// The counts of a corpus in a mapped file: what it holds, when it is used again, when it is made anew.
#include "data/select/bags/bag_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "data/select/bags/bag_counter.h"
#include "data/select/words/words.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;
namespace fs = std::filesystem;

class BagFiles : public testing::Test {
 protected:
  void SetUp() override {
    // More texts than a thread takes at a time, of all lengths.
    for (int i = 0; i < 20000; ++i) {
      std::string text;
      for (int w = 0; w < (i * 7) % 23; ++w) text += "word" + std::string(1, char('a' + (i * w + w) % 26)) + " ";
      texts_.push_back(text + "rare" + std::string(1, char('a' + i % 3)));
    }
    write(texts_);
  }
  void write(const std::vector<std::string>& texts) const {
    std::ofstream out(path_);
    for (const std::string& text : texts) out << text << "\n";
  }
  TextSource source() const {
    auto documents = std::make_shared<Documents>(std::vector{path_}, CorpusOptions());
    return [documents](std::string& text) { return documents->next(text); };
  }
  BagVocabulary fitted(int64_t size = 20) const {
    return BagVocabulary::fit(source(), {.size = size, .stop_words = english_stop_words()});
  }
  BagFileOptions options(int threads = 2) const {
    return {.paths = {path_}, .open = [this] { return source(); }, .dir = cache_, .threads = threads};
  }
  std::vector<fs::path> cached() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(cache_)) files.push_back(entry.path());
    return files;
  }

  TempDir dir_;
  const std::string path_ = dir_.file("texts.txt"), cache_ = dir_.file("cache");
  std::vector<std::string> texts_;
};

TEST_F(BagFiles, HoldWhatTheCounterCounts) {
  const BagVocabulary vocabulary = fitted();
  BagCounter counter(vocabulary);
  SparseRows expected;
  for (const std::string& text : texts_) counter.add(text, expected);
  uint64_t fingerprint = 0;
  for (const int threads : {1, 3}) {
    fs::remove_all(cache_);
    const auto file = BagFile::open(options(threads), vocabulary);
    ASSERT_EQ(file->texts(), int64_t(texts_.size()));
    SparseRows rows;
    for (int64_t t = 0; t < file->texts(); ++t) {
      file->append(t, rows);
      EXPECT_EQ(file->hash(t), hash_bytes(texts_[size_t(t)]));
    }
    EXPECT_EQ(rows.row_start, expected.row_start);
    EXPECT_EQ(rows.column, expected.column);
    EXPECT_EQ(rows.value, expected.value);
    EXPECT_EQ(rows.columns, vocabulary.columns());
    EXPECT_EQ(file->fingerprint(), fingerprint == 0 ? file->fingerprint() : fingerprint);
    fingerprint = file->fingerprint();
  }
}

TEST_F(BagFiles, AreUsedAgainWhileTextVocabularyAndOptionsAreTheSame) {
  const BagVocabulary vocabulary = fitted();
  const uint64_t first = BagFile::open(options(), vocabulary)->fingerprint();
  EXPECT_TRUE(BagFile::open(options(), vocabulary)->reused());
  EXPECT_FALSE(BagFile::open(options(), fitted(10))->reused());
  BagFileOptions otherwise = options();
  otherwise.reading = "sentences";
  EXPECT_FALSE(BagFile::open(otherwise, vocabulary)->reused());
  std::swap(texts_[1], texts_[2]);  // the same size
  write(texts_);
  fs::last_write_time(path_, fs::last_write_time(path_) + std::chrono::seconds(2));
  const auto changed = BagFile::open(options(), vocabulary);
  EXPECT_FALSE(changed->reused());
  EXPECT_NE(changed->fingerprint(), first);
}

TEST_F(BagFiles, DamagedOnesAreMadeAnew) {
  const BagVocabulary vocabulary = fitted();
  const uint64_t expected = BagFile::open(options(), vocabulary)->fingerprint();
  const fs::path file = cached().at(0);
  const auto size = fs::file_size(file);
  for (const uint64_t at : {uint64_t(9), uint64_t(size / 2), uint64_t(size - 3)}) {
    std::fstream damage(file, std::ios::in | std::ios::out | std::ios::binary);
    damage.seekg(std::streamoff(at));
    const int byte = damage.get();
    damage.seekp(std::streamoff(at));
    damage.put(char(byte ^ 1));
    damage.close();
    const auto again = BagFile::open(options(), vocabulary);
    EXPECT_FALSE(again->reused()) << at;
    EXPECT_EQ(again->fingerprint(), expected);
  }
  for (const uint64_t cut : {uint64_t(0), uint64_t(20), uint64_t(size - 8)}) {
    fs::resize_file(file, cut);
    EXPECT_FALSE(BagFile::open(options(), vocabulary)->reused()) << cut;
  }
  EXPECT_EQ(cached().size(), 1u);
}

TEST_F(BagFiles, OneThatIsCutWhileItIsReadIsAnError) {
  const auto file = BagFile::open(options(), fitted());
  file->check_whole();
  fs::resize_file(cached().at(0), 4096);
  SparseRows rows;
  file->append(file->texts() - 1, rows);
  EXPECT_THROW(file->check_whole(), IoError);
}

TEST_F(BagFiles, StoppedOnesLeaveNothing) {
  BagFileOptions stopping = options();
  int calls = 0;
  stopping.stop = [&] { return ++calls > 2; };
  try {
    BagFile::open(stopping, fitted());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.exit_code(), 75);
  }
  EXPECT_TRUE(cached().empty());
}

TEST_F(BagFiles, TextThatChangesWhileItIsReadIsRefused) {
  const BagVocabulary vocabulary = fitted();
  BagFileOptions changing = options();
  changing.open = [this] {
    auto next = source();
    return [this, next, first = true](std::string& text) mutable {
      if (std::exchange(first, false)) std::ofstream(path_, std::ios::app) << "one more\n";
      return next(text);
    };
  };
  EXPECT_THROW(BagFile::open(changing, vocabulary), Error);
  EXPECT_TRUE(cached().empty());
}

TEST_F(BagFiles, AVocabularyNeedsTwoWords) {
  const auto of = [](const std::string& text) {
    return BagVocabulary::fit(
        [text, done = false](std::string& out) mutable {
          out = text;
          return !std::exchange(done, true);
        },
        {.stop_words = english_stop_words()});
  };
  EXPECT_EQ(of("kinase inhibitor").columns(), 3);
  for (const char* text : {"", "kinase kinase", "the of and", "p53 a1 xx"}) EXPECT_THROW(of(text), Error) << text;
}

}  // namespace
}  // namespace encore
