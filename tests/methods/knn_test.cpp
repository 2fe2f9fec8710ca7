// Nearest rows and texts, and what is chosen of them, against the pinned vectors of an independent implementation.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/select/bags/bag_counter.h"
#include "data/select/near/joined_neighbours.h"
#include "data/select/near/nearest_rows.h"
#include "data/select/near/tfidf_neighbours.h"
#include "data/select/text_choice.h"
#include "tests/methods/methods_folder.h"

namespace encore::test {
namespace {

using nlohmann::json;

constexpr double kScoreTolerance = 1e-6;  // of the recorded scores

struct Matrix {
  std::vector<float> data;
  VectorSearch::Vectors view;
};

// A tensor of float32 in a safetensors file.
Matrix read_matrix(const std::string& path, const std::string& name) {
  std::ifstream in(path, std::ios::binary);
  uint64_t size = 0;
  in.read(reinterpret_cast<char*>(&size), sizeof size);
  std::string header(size, '\0');
  in.read(header.data(), std::streamsize(size));
  const json tensor = json::parse(header).at(name);
  Matrix out;
  const uint64_t begin = tensor["data_offsets"][0], end = tensor["data_offsets"][1];
  out.data.resize((end - begin) / sizeof(float));
  in.seekg(std::streamoff(8 + size + begin));
  in.read(reinterpret_cast<char*>(out.data.data()), std::streamsize(end - begin));
  out.view = {.data = out.data.data(), .rows = tensor["shape"][0], .columns = tensor["shape"][1]};
  return out;
}

class KnnVectors : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = methods_folder("knn");
    if (folder_.empty()) GTEST_SKIP() << kNoVectors;
    std::ifstream(folder_ + "/expected.json") >> expected_;
    base_ = read_matrix(folder_ + "/vectors.safetensors", "base");
    query_ = read_matrix(folder_ + "/vectors.safetensors", "query");
  }
  NearestRows nearest(const NearestOptions& options) {
    if (!library_) library_ = open_vector_search();
    return nearest_rows(*library_, query_.view, base_.view, options);
  }
  bool is_zero_query(size_t query) const {
    const json& zero = expected_["query_zero"];
    return std::find(zero.begin(), zero.end(), json(query)) != zero.end();
  }
  void expect_neighbours(const NearestRows& found) {
    EXPECT_EQ(found.neighbours.queries_without, std::ssize(expected_["query_zero"]));
    for (size_t q = 0; q < found.neighbours.of.size(); ++q) {
      const auto& mine = found.neighbours.of[q];
      if (is_zero_query(q)) {
        EXPECT_TRUE(mine.empty());
        continue;
      }
      for (size_t i = 0; i < mine.size(); ++i) {
        EXPECT_EQ(mine[i].id, expected_["neighbours"][q][i].get<int64_t>()) << q << " " << i;
        EXPECT_NEAR(mine[i].score, expected_["scores"][q][i].get<double>(), kScoreTolerance) << q << " " << i;
      }
    }
  }

  std::string folder_;
  json expected_;
  Matrix base_, query_;
  std::unique_ptr<VectorSearch> library_;
};

TEST_F(KnnVectors, Neighbours) {
  if (!has_vector_search()) GTEST_SKIP() << "built without faiss";
  const int64_t k = expected_["k"];
  const NearestRows whole = nearest({.k = k, .threads = 2});
  ASSERT_EQ(std::ssize(whole.neighbours.of), query_.view.rows);
  EXPECT_EQ(std::ssize(whole.neighbours.of[0]), k);
  expect_neighbours(whole);
  // In blocks of a few rows, and with one thread.
  expect_neighbours(nearest({.k = k, .threads = 1, .block_bytes = size_t(7 * 4 * base_.view.columns)}));
}

TEST_F(KnnVectors, Selections) {
  if (!has_vector_search()) GTEST_SKIP() << "built without faiss";
  const NearestRows found = nearest({.k = expected_["k"], .threads = 2});
  for (const json& selection : expected_["selections"]) {
    const std::vector<Joined> joined = join_neighbours(found.neighbours, selection["k"]);
    EXPECT_EQ(std::ssize(joined), selection["union"].get<int64_t>());
    TextChoice choice(std::nullopt);
    for (const json& text : expected_["task_texts"]) choice.add_task_text(text.get<std::string>(), true);
    std::vector<int64_t> taken;
    int64_t same = 0, task = 0;
    for (const Joined& one : joined) {
      const TextFate fate = choice.propose(expected_["texts"][size_t(one.id)]);
      same += fate == TextFate::kSameText;
      task += fate == TextFate::kTaskText;
      if (fate == TextFate::kTaken) taken.push_back(one.id);
    }
    EXPECT_EQ(json(taken), selection["selected"]);
    EXPECT_EQ(same, selection["removed"]["same_text"].get<int64_t>());
    EXPECT_EQ(task, selection["removed"]["task_text"].get<int64_t>());
  }
}

TEST(TfIdfVectors, Neighbours) {
  const std::string folder = methods_folder("knn");
  if (folder.empty()) GTEST_SKIP() << kNoVectors;
  json expected;
  std::ifstream(folder + "/tfidf.json") >> expected;
  const auto source_of = [](const json& texts) -> TextSource {
    return [&texts, i = size_t(0)](std::string& text) mutable {
      return i < texts.size() && (text = texts[i++].get<std::string>(), true);
    };
  };
  const BagVocabulary vocabulary = BagVocabulary::fit(
      source_of(expected["base"]), {.size = 1 << 30, .stop_words = english_stop_words(), .threads = 2});
  EXPECT_EQ(vocabulary.columns() - 1, expected["terms"].get<int64_t>());
  BagCounter counter(vocabulary);
  SparseRows queries;
  for (const json& text : expected["queries"]) counter.add(text.get<std::string>(), queries);
  const int64_t k = std::ssize(expected["neighbours"][0]["ids"]);
  for (const int64_t block : {1, 7, 1000}) {
    TfIdfNeighbours nearest(vocabulary.inverse_frequencies(), queries, k, 2);
    SparseRows rows;
    for (const json& text : expected["base"]) {
      counter.add(text.get<std::string>(), rows);
      if (rows.rows() < block) continue;
      nearest.add(rows);
      rows.clear();
    }
    if (rows.rows() > 0) nearest.add(rows);
    const Neighbours found = nearest.take();
    int64_t without = 0;
    for (size_t q = 0; q < found.of.size(); ++q) {
      const json& scores = expected["neighbours"][q]["scores"];
      if (found.of[q].empty()) {  // without a known word: score 0 everywhere
        ++without;
        EXPECT_EQ(scores[0].get<double>(), 0);
        continue;
      }
      ASSERT_EQ(std::ssize(found.of[q]), k);
      for (size_t i = 0; i < size_t(k); ++i) {
        EXPECT_EQ(json(found.of[q][i].id), expected["neighbours"][q]["ids"][i]) << q << " " << i;
        EXPECT_NEAR(found.of[q][i].score, scores[i].get<double>(), 1e-9) << q << " " << i;
      }
    }
    EXPECT_EQ(found.queries_without, without);
  }
}

}  // namespace
}  // namespace encore::test
