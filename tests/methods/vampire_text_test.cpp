// VAMPIRE's words, bags, NPMI and KL weights against the pinned vectors of an independent implementation.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/select/bags/bag_counter.h"
#include "data/select/bags/npmi.h"
#include "kernels/base/check.h"
#include "tests/methods/methods_folder.h"
#include "train/vampire/kl_schedule.h"

namespace encore::test {
namespace {

using nlohmann::json;

// Figures are recorded with 9 to 12 digits.
void expect_close(double value, double expected, const std::string& what) {
  EXPECT_NEAR(value, expected, 1e-9 * std::max(1.0, std::abs(expected))) << what;
}

class VampireText : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = methods_folder("vampire");
    if (folder_.empty()) GTEST_SKIP() << kNoVectors;
  }
  json read(const std::string& name) const {
    json value;
    std::ifstream(folder_ + "/" + name + ".json") >> value;
    return value;
  }

  std::string folder_;
};

// A row without column 0, which stands for unknown words.
std::vector<double> dense(const SparseRows& rows, int64_t row) {
  std::vector<double> out(size_t(rows.columns));
  for (int64_t i = rows.row_start[size_t(row)]; i < rows.row_start[size_t(row) + 1]; ++i)
    out[size_t(rows.column[size_t(i)])] = double(rows.value[size_t(i)]);
  EXPECT_EQ(out[0], 0);
  out.erase(out.begin());
  return out;
}

TEST_F(VampireText, WordsOfEachDocument) {
  const json expected = read("preprocess");
  WordCutter cutter(WordPattern::kThreeToThirty);
  for (size_t d = 0; d < expected["documents"].size(); ++d) {
    std::vector<std::string> words;
    cutter.cut(expected["documents"][d].get<std::string>(), [&](std::string_view word) { words.emplace_back(word); });
    EXPECT_EQ(words, expected["tokens"][d].get<std::vector<std::string>>()) << d;
  }
}

class VampirePreprocessing : public VampireText {
 protected:
  void SetUp() override {
    VampireText::SetUp();
    if (folder_.empty()) return;
    expected_ = read("preprocess");
    texts_ = expected_["documents"].get<std::vector<std::string>>();
    size_t next = 0;
    vocabulary_ =
        BagVocabulary::fit([&](std::string& text) { return next < texts_.size() && (text = texts_[next++], true); },
                           {.size = expected_["vocab_size"], .stop_words = english_stop_words()});
    BagCounter counter(vocabulary_);
    for (const std::string& text : texts_) counter.add(text, rows_);
  }

  json expected_;
  std::vector<std::string> texts_;
  BagVocabulary vocabulary_;
  SparseRows rows_;
};

TEST_F(VampirePreprocessing, Vocabulary) {
  std::vector<std::string> words;
  for (int32_t c = 0; c < vocabulary_.columns(); ++c) words.push_back(vocabulary_.word(c));
  EXPECT_EQ(words, expected_["vocabulary"].get<std::vector<std::string>>());
  EXPECT_EQ(vocabulary_.texts(), int64_t(texts_.size()));
  for (int32_t c = 1; c < vocabulary_.columns(); ++c) {
    EXPECT_EQ(vocabulary_.column(vocabulary_.word(c)), c);
    EXPECT_EQ(vocabulary_.occurrences(c), expected_["term_frequency"][vocabulary_.word(c)].get<int64_t>());
    EXPECT_EQ(vocabulary_.frequency(c), expected_["document_frequency"][size_t(c) - 1].get<int64_t>());
  }
  for (const auto& [word, count] : expected_["term_frequency"].items())
    if (std::find(words.begin(), words.end(), word) == words.end()) {
      EXPECT_EQ(vocabulary_.column(word), 0) << word;
    }
}

TEST_F(VampirePreprocessing, CountsAndWhatIsKept) {
  ASSERT_EQ(rows_.rows(), int64_t(texts_.size()));
  for (int64_t r = 0; r < rows_.rows(); ++r) {
    EXPECT_EQ(dense(rows_, r), expected_["counts"][size_t(r)].get<std::vector<double>>()) << r;
    EXPECT_EQ(sum_of_row(rows_, r) > 3, expected_["kept_by_min_length_3"][size_t(r)].get<bool>()) << r;
  }
}

TEST_F(VampirePreprocessing, TfIdf) {
  const std::vector<double> inverse = vocabulary_.inverse_frequencies();
  for (size_t c = 1; c < inverse.size(); ++c)
    expect_close(inverse[c], expected_["idf"][c - 1], vocabulary_.word(int32_t(c)));
  TfIdf(vocabulary_).weigh(rows_);
  for (int64_t r = 0; r < rows_.rows(); ++r) {
    const std::vector<double> row = dense(rows_, r);
    for (size_t c = 0; c < row.size(); ++c) {
      // The weights are kept as float.
      const double weight = expected_["tfidf"][size_t(r)][c];
      EXPECT_FLOAT_EQ(float(row[c]), float(weight)) << r << " " << c;
    }
  }
}

TEST_F(VampirePreprocessing, Background) {
  const std::vector<float> background = vocabulary_.log_background();
  EXPECT_FLOAT_EQ(background[0], float(std::log(1e-12)));
  for (const auto& [word, share] : expected_["background"]["encore"].items())
    EXPECT_FLOAT_EQ(background[size_t(vocabulary_.column(word))], float(std::log(share.get<double>()))) << word;
}

TEST_F(VampirePreprocessing, ComesBackFromJson) {
  const json written = vocabulary_.to_json();
  EXPECT_EQ(BagVocabulary::from_json(written, "v.json").fingerprint(), vocabulary_.fingerprint());
  for (const char* field : {"kind", "texts", "words", "occurrences", "document_frequency"}) {
    json damaged = written;
    damaged.erase(field);
    EXPECT_THROW(BagVocabulary::from_json(damaged, "v.json"), Error) << field;
  }
  json out_of_order = written;
  std::swap(out_of_order["words"][1], out_of_order["words"][2]);
  EXPECT_THROW(BagVocabulary::from_json(out_of_order, "v.json"), Error);
}

class VampireNpmi : public VampireText {
 protected:
  void SetUp() override {
    VampireText::SetUp();
    if (folder_.empty()) return;
    expected_ = read("npmi");
    const auto words = expected_["vocabulary"].get<std::vector<std::string>>();
    rows_.columns = int32_t(expected_["model_vocabulary"].size()) + 1;
    // Columns of the model's words; the reference corpus has other words too, which no topic can hold.
    for (const json& counts : expected_["counts"]) {
      std::vector<int32_t> columns;
      for (size_t w = 0; w < words.size(); ++w)
        if (const int32_t column = column_of(words[w]); counts[w] != 0 && column > 0) columns.push_back(column);
      std::sort(columns.begin(), columns.end());
      rows_.column.insert(rows_.column.end(), columns.begin(), columns.end());
      rows_.row_start.push_back(rows_.values());
    }
    rows_.value.assign(rows_.column.size(), 1);
  }
  int32_t column_of(const std::string& word) const {
    const auto model = expected_["model_vocabulary"].get<std::vector<std::string>>();
    const auto found = std::find(model.begin(), model.end(), word);
    return found == model.end() ? 0 : int32_t(found - model.begin()) + 1;
  }
  std::vector<std::vector<int32_t>> topics() const {
    std::vector<std::vector<int32_t>> out;
    for (const json& topic : expected_["topics"]) {
      out.emplace_back();
      for (const json& word : topic["top"]) out.back().push_back(column_of(word));
    }
    return out;
  }

  json expected_;
  SparseRows rows_;
};

TEST_F(VampireNpmi, TopWords) {
  const json& beta = expected_["beta"];
  const size_t topics_count = beta.size(), words = beta[0].size();
  std::vector<float> weights((words + 1) * topics_count, 1e9f);  // of the unknown word the largest
  for (size_t t = 0; t < topics_count; ++t)
    for (size_t w = 0; w < words; ++w) weights[(w + 1) * topics_count + t] = beta[t][w];
  EXPECT_EQ(top_words(weights, int64_t(topics_count), expected_["words_per_topic"]), topics());
}

TEST_F(VampireNpmi, EachPairAndBothReadings) {
  PairCounts counts(topics(), rows_.columns), rest(topics(), rows_.columns);
  const int64_t half = rows_.rows() / 3;
  counts.add(rows_, 0, half);
  rest.add(rows_, half, rows_.rows());
  counts.add(rest);
  ASSERT_EQ(counts.texts(), expected_["documents"].get<int64_t>());
  const Npmi npmi = npmi_of(counts);
  expect_close(npmi.vampire, expected_["npmi_vampire"], "vampire");
  expect_close(npmi.standard, expected_["npmi_standard"], "standard");
  for (size_t t = 0; t < npmi.topics.size(); ++t) {
    const json& topic = expected_["topics"][t];
    EXPECT_EQ(npmi.topics[t].pairs, int64_t(topic["pairs"].size()));
    const double pairs = double(topic["top"].size() * (topic["top"].size() - 1) / 2);
    expect_close(npmi.topics[t].vampire * pairs, topic["vampire_sum"], "vampire");
    expect_close(npmi.topics[t].standard, topic["standard_mean"], "standard");
    const auto top = topic["top"].get<std::vector<std::string>>();
    for (const json& pair : topic["pairs"]) {
      const auto place = [&](const json& word) {
        return std::find(top.begin(), top.end(), word.get<std::string>()) - top.begin();
      };
      const int64_t a = place(pair[0]), b = place(pair[1]);
      const int64_t with_a = counts.with(int64_t(t), a), with_b = counts.with(int64_t(t), b),
                    both = counts.with(int64_t(t), a, b);
      EXPECT_EQ(both, pair[2].get<int64_t>());
      expect_close(npmi_vampire(counts.texts(), with_a, with_b, both), pair[3], "vampire");
      expect_close(npmi_standard(counts.texts(), with_a, with_b, both), pair[4], "standard");
    }
  }
}

TEST_F(VampireText, KlWeights) {
  const json expected = read("kl_schedules");
  const std::pair<const char*, KlSchedule::Counting> countings[] = {{"master", KlSchedule::Counting::kMaster},
                                                                    {"allennlp_1_0", KlSchedule::Counting::kAllennlp}};
  int64_t compared = 0;
  for (const auto& [branch, counting] : countings)
    for (const auto& [name, weights] : expected[branch].items()) {
      if (!weights.is_array()) continue;
      KlSchedule schedule{.counting = counting};
      if (name.starts_with("linear_")) {
        schedule.epochs = std::stod(name.substr(7));
      } else if (name.starts_with("sigmoid_")) {  // "sigmoid_0p25_15"
        schedule.kind = KlSchedule::Kind::kSigmoid;
        std::string numbers = name.substr(8);
        std::replace(numbers.begin(), numbers.end(), 'p', '.');
        schedule.slope = std::stod(numbers);
        schedule.middle = std::stod(numbers.substr(numbers.find('_') + 1));
      } else {
        ASSERT_EQ(name, "constant");
        schedule.kind = KlSchedule::Kind::kConstant;
      }
      for (size_t e = 0; e < weights.size(); ++e, ++compared)
        expect_close(schedule.weight(int64_t(e)), weights[e],
                     std::string(branch) + " " + name + " " + std::to_string(e));
    }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace encore::test
