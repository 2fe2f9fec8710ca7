// The lines of tokenize: what every number of threads, size of piece and room for held lines must agree on.
#include "data/sequences/token_lines.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "data/tokenizer/bpe_trainer.h"
#include "tests/data/data_fixtures.h"

namespace encore::test {
namespace {

class TokenLines : public testing::Test {
 protected:
  TokenLines() {
    std::mt19937 random(1);
    const std::vector<std::string> words{"the", " cat", " sat", " <mask>", "\u00e9", "12", " \u4e2d\u6587", ".", "  "};
    for (int d = 0; d < 500; ++d) {
      std::string text;
      for (unsigned n = d == 77 ? 30000 : random() % 40; n > 0; --n) text += words[random() % words.size()];
      texts_.push_back(text);
    }
    write_texts("one.txt", 0, 200);
    write_texts("two.txt", 200, texts_.size());
    BpeTrainerOptions options;
    options.vocab_size = 300;
    tokenizer_ = train_bpe(
        [&, next = size_t(0)](std::string& document) mutable {
          if (next < texts_.size()) document = texts_[next];
          return next++ < texts_.size();
        },
        options);
  }

  void write_texts(const std::string& name, size_t begin, size_t end) {
    files_.push_back(folder_.file(name));
    std::ofstream file(files_.back());
    for (size_t d = begin; d < end; ++d) file << texts_[d] << "\n";
  }

  std::string expected(bool special) const {
    std::string lines;
    for (const std::string& text : texts_) {
      auto ids = tokenizer_->encode(text);
      if (special) ids = tokenizer_->build_inputs(ids);
      lines += fmt::format("[{}]\n", fmt::join(ids, ", "));
    }
    return lines;
  }

  fixtures::TempDir folder_;
  std::vector<std::string> texts_, files_;
  std::optional<Tokenizer> tokenizer_;
};

TEST_F(TokenLines, AreTheSameForAnyThreadsPiecesAndRoom) {
  for (const bool special : {true, false})
    for (const int threads : {1, 2, 5})
      for (const size_t piece : {size_t(1), size_t(1000), size_t(1) << 20})
        for (const size_t held : {size_t(0), size_t(5000), size_t(1) << 30}) {
          std::string lines;
          const int64_t documents = print_token_lines(files_, {}, *tokenizer_, {special, threads, held, piece},
                                                      [&](std::string_view some) { lines += some; });
          ASSERT_EQ(documents, int64_t(texts_.size()));
          ASSERT_TRUE(lines == expected(special)) << threads << " threads, pieces of " << piece << ", held " << held;
        }
}

TEST_F(TokenLines, NothingIsGivenForACorpusWithABadLineAtItsEnd) {
  std::ofstream(files_[1], std::ios::app) << "caf\xe9\n";
  for (const int threads : {1, 4})
    for (const size_t held : {size_t(0), size_t(5000), size_t(1) << 30}) {
      bool given = false;
      EXPECT_THROW(print_token_lines(files_, {}, *tokenizer_, {true, threads, held, 1000},
                                     [&](std::string_view) { given = true; }),
                   Error);
      EXPECT_FALSE(given) << threads << " threads, held " << held;
    }
}

// A reader that is called again after an error finds no documents, which must not be reported.
TEST_F(TokenLines, TheFirstErrorIsTheOneThatIsTold) {
  const std::string latin = folder_.file("latin.txt");
  std::ofstream(latin) << "caf\xe9\n";
  for (int turn = 0; turn < 200; ++turn) {
    try {
      print_token_lines({latin}, {}, *tokenizer_, {true, 8, size_t(1) << 30, 1000}, [](std::string_view) {});
      FAIL() << "not refused";
    } catch (const Error& e) {
      ASSERT_NE(std::string(e.what()).find("UTF-8"), std::string::npos) << "turn " << turn << ": " << e.what();
    }
  }
}

TEST_F(TokenLines, AFailingSinkEndsThePass) {
  for (const size_t held : {size_t(0), size_t(1) << 30}) {
    int calls = 0;
    EXPECT_THROW(print_token_lines(files_, {}, *tokenizer_, {true, 3, held, 1000},
                                   [&](std::string_view) {
                                     if (++calls == 3) throw IoError("full");
                                   }),
                 IoError);
    EXPECT_EQ(calls, 3);
  }
}

TEST(IdListWriter, WritesEveryId) {
  const int32_t vocab = (1 << 17) + 300;  // more than it keeps ready
  const IdListWriter writer(vocab);
  std::vector<int32_t> ids(size_t(vocab), 0);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = int32_t(i);
  std::string out;
  writer.append(std::vector<int32_t>{7}, ids, std::vector<int32_t>{131080}, out);
  EXPECT_TRUE(out == fmt::format("[7, {}, 131080]\n", fmt::join(ids, ", ")));
  out.clear();
  writer.append({}, {}, {}, out);
  writer.append(std::vector<int32_t>{0}, {}, std::vector<int32_t>{2}, out);
  writer.append({}, std::vector<int32_t>{5}, {}, out);
  EXPECT_EQ(out, "[]\n[0, 2]\n[5]\n");
}

}  // namespace
}  // namespace encore::test
