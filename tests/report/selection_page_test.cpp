#include "report/selection_page.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "data/select/ledger.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

namespace fs = std::filesystem;

class SelectionPage : public ::testing::Test {
 protected:
  SelectionPage() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~SelectionPage() override { fs::remove_all(folder_); }

  static SelectionLedger ledger() {
    SelectionLedger ledger{.method = "knn", .embedding = "vampire", .unit = "sentences"};
    ledger.task = {.texts = 1234, .bytes = 5000, .tokens = 999};
    ledger.domain = {.texts = 70001, .bytes = 1 << 20};
    ledger.domain_documents = 432;
    ledger.choices.push_back({.name = "50nn",
                              .file = "50nn.jsonl",
                              .size = 50,
                              .proposed = 8765,
                              .same_text = 21,
                              .task_text = 17,
                              .near_duplicate = 13,
                              .chosen = {.texts = 8714, .bytes = 4096},
                              .shared_words = 43.21});
    ledger.top_words = 313;
    ledger.domain_shared_words = 22.5;
    ledger.tokens_per_second = 19645;
    ledger.speed_of = "a <machine>";
    ledger.costs.push_back(tapt_cost("50nn", ledger.choices[0].chosen, 1000));
    ledger.inspected.push_back(
        {.text = "What is <b>?", .neighbours = {{.score = 0.98765, .rank = 0, .fate = "chosen", .text = "a & b"}}});
    ledger.topics.push_back({.words = {"kinase", "cell<s>"}, .task = 0.314, .domain = 0.022, .choices = {0.256}});
    ledger.notes.push_back("note: 3 of the task's texts hold no known word");
    return ledger;
  }
  std::string page(const std::string& json) const {
    std::ofstream(folder_ / "ledger.json") << json;
    return selection_page(folder_.string());
  }
  static void expect_has(const std::string& page, const std::string& part) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / "encore_selection_page_test";
};

TEST_F(SelectionPage, ShowsEveryFigureOfTheLedger) {
  const std::string text = page(ledger_json(ledger()));
  for (const char* figure : {"1,234", "70,001", "432", "8,765", "21", "17", "13", "8,714", "43.2", "22.5", "313",
                             "19,645", "0.9877", "31.4", "2.2", "25.6", "note: 3 of the task"})
    expect_has(text, figure);
  EXPECT_TRUE(is_selection_folder(folder_.string()));
}

TEST_F(SelectionPage, TextOfOthersIsNoMarkup) {
  const std::string text = page(ledger_json(ledger()));
  for (const char* safe : {"What is &lt;b&gt;?", "a &amp; b", "cell&lt;s&gt;", "a &lt;machine&gt;"})
    expect_has(text, safe);
}

TEST_F(SelectionPage, WithoutTopicsThereIsNoTableOfThem) {
  SelectionLedger without = ledger();
  without.topics.clear();
  EXPECT_EQ(page(ledger_json(without)).find("<h2>Topics"), std::string::npos);
}

TEST_F(SelectionPage, ADamagedLedgerIsRefused) {
  const std::string whole = ledger_json(ledger());
  try {
    page(whole.substr(0, whole.find("\"costs\"")) + "\"cost\": []}, \"inspected\": [], \"topics\": [], \"notes\": []}");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("ledger.json: is damaged"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace encore
