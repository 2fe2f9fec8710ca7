// report.html: what is kept of a log, what the page holds, what is refused.
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/chart.h"
#include "report/reported_run.h"
#include "report/series.h"
#include "tests/apps/program.h"

namespace encore::test {
namespace {

using nlohmann::json;

TEST(BucketSeries, KeepsExtremesAndMeansOfAnyLength) {
  for (const int n : {1, 2, 7, 8, 9, 100, 5001}) {
    BucketSeries series(8);
    double sum = 0, sum_x = 0, least = 1e9, most = -1e9;
    for (int i = 1; i <= n; ++i) {
      const double y = std::sin(0.37 * i) * i;
      series.add(i, y);
      sum += y;
      sum_x += i;
      least = std::min(least, y);
      most = std::max(most, y);
    }
    const auto& buckets = series.buckets();
    EXPECT_LE(buckets.size(), 8u);
    EXPECT_GE(int(buckets.size()), std::min(n, 4));
    double kept = 0, kept_x = 0, low = 1e9, high = -1e9;
    int64_t count = 0;
    for (size_t i = 0; i < buckets.size(); ++i) {
      kept += buckets[i].mean * double(buckets[i].count);
      kept_x += buckets[i].x * double(buckets[i].count);
      count += buckets[i].count;
      low = std::min(low, buckets[i].least);
      high = std::max(high, buckets[i].most);
      EXPECT_TRUE(i == 0 || buckets[i].x > buckets[i - 1].x);
      EXPECT_TRUE(i + 1 == buckets.size() || buckets[i].count == buckets[0].count) << "all but the last are full";
    }
    EXPECT_EQ(count, n);
    EXPECT_NEAR(kept, sum, 1e-9 * std::abs(sum) + 1e-9);
    EXPECT_NEAR(kept_x, sum_x, 1e-9 * sum_x);
    EXPECT_EQ(low, least);
    EXPECT_EQ(high, most);
  }
}

TEST(BucketSeries, LeavesOutWhatIsNotFinite) {
  BucketSeries series;
  series.add(1, std::nan(""));
  series.add(2, INFINITY);
  series.add(3, 4);
  ASSERT_EQ(series.buckets().size(), 1u);
  EXPECT_EQ(series.buckets()[0].x, 3);
}

TEST(Smoothed, KeepsAStraightLineAndCalmsNoise) {
  BucketSeries line, noise;
  for (int i = 0; i < 600; ++i) {
    line.add(i, 3.0 + 0.5 * i);
    noise.add(i, i % 2 ? 1 : -1);
  }
  const auto a = smoothed(line.buckets()), b = smoothed(noise.buckets());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], 3.0 + 0.5 * double(i), 1e-9) << i;
  for (size_t i = 60; i + 60 < b.size(); ++i) EXPECT_LT(std::abs(b[i]), 0.01) << i;
}

// A run folder as the training programs leave it.
std::string make_run(const std::string& folder, int steps, double lr, const json& more = json::object()) {
  fs::create_directories(folder);
  json config = {
      {"lr", lr}, {"model", "models/a<b>"}, {"train", {"x.txt", "y&z.txt"}}, {"seed", 42}, {"output", folder}};
  config.update(more);
  write_text(folder + "/config.json", config.dump());
  std::string log;
  for (int i = 0; i <= steps; ++i) {
    if (i > 0)
      log += json{{"step", i},     {"loss", 3 * std::exp(-i / 50.0) + 2},
                  {"lr", lr},      {"grad_norm", 1.5},
                  {"tokens", 100}, {"targets", 15},
                  {"seconds", i},  {"tokens_per_second", 100}}
                 .dump() +
             "\n";
    if (i % std::max(1, steps / 4) == 0)
      log += json{{"step", i},
                  {"eval_name", "eval"},
                  {"eval_loss", 3.5 * std::exp(-i / 50.0) + 2},
                  {"eval_accuracy", 0.5},
                  {"eval_targets", 77}}
                 .dump() +
             "\n";
  }
  write_text(folder + "/log.jsonl", log);
  return folder;
}

Outcome report(std::vector<std::string> words) {
  words.insert(words.begin(), program("report"));
  return run(words);
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

TEST(Report, IsOneFileThatLoadsNothing) {
  const TemporaryFolder place;
  const std::string folder = make_run(place / "a", 40, 1e-3);
  const Outcome o = report({folder});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out, folder + "/report.html\n");
  const std::string page = read_text(folder + "/report.html");
  for (const char* foreign : {"src=", "href=", "@import", "https:", "fetch("})
    EXPECT_FALSE(holds(page, foreign)) << foreign;
  for (size_t at = 0; (at = page.find("url(", at)) != std::string::npos; ++at) EXPECT_EQ(page.substr(at, 5), "url(#");
  EXPECT_TRUE(holds(page, "<th class=\"n\">tokens/s</th>")) << "a unit stays whole";
  EXPECT_TRUE(holds(page, "5.5000 <i>→</i>")) << "evaluation loss before";
  EXPECT_TRUE(holds(page, "models/<wbr>a&lt;b&gt;"));
  EXPECT_FALSE(holds(page, "a<b>"));
  EXPECT_TRUE(holds(page, "no ledger.json"));
  EXPECT_EQ(std::string::npos, page.find("nan"));
}

// The flags below the summary "Flags at their defaults", and those above it.
TEST(Report, FoldsAwayTheFlagsAtTheirDefaults) {
  const TemporaryFolder place;
  const auto flags_of = [](const std::string& folder) {
    EXPECT_EQ(report({folder}).code, 0);
    const std::string page = read_text(folder + "/report.html");
    const std::string flags = page.substr(page.find("Flags in force"));
    const size_t fold = flags.find("Flags at their defaults");
    return std::pair(flags.substr(0, fold), fold == std::string::npos ? "" : flags.substr(fold));
  };
  const auto [changed, rest] =
      flags_of(make_run(place / "new", 5, 1e-3, {{"defaults", {{"lr", 1e-4}, {"seed", 42}, {"model", ""}}}}));
  for (const char* flag : {"--lr", "--model", "--train"}) EXPECT_TRUE(holds(changed, flag)) << flag;
  EXPECT_TRUE(holds(rest, "--seed") && !holds(changed, "--seed"));
  EXPECT_FALSE(holds(changed + rest, "--defaults"));
  // A run of before the record: all flags are shown.
  const auto [all, none] = flags_of(make_run(place / "old", 5, 1e-3));
  EXPECT_TRUE(holds(all, "--seed") && holds(all, "--lr"));
  EXPECT_EQ(none, "");
}

TEST(Report, NamesCannotEscapeIntoThePage) {
  const TemporaryFolder place;
  const std::string folder =
      make_run(place / "x\"><script>alert(1)<", 5, 1e-3, {{"note", "</script><script>alert(2)"}});
  ASSERT_EQ(report({folder, make_run(place / "b", 5, 1e-3), "--output", place / "page.html"}).code, 0);
  const std::string page = read_text(place / "page.html");
  EXPECT_FALSE(holds(page, "<script>alert"));
  EXPECT_FALSE(holds(page, "x\"><"));
  EXPECT_TRUE(holds(page, "x&quot;&gt;&lt;script&gt;alert(1)"));
}

TEST(Report, PutsRunsSideBySide) {
  const TemporaryFolder place;
  const std::string a = make_run(place / "slow", 40, 1e-4), b = make_run(place / "fast", 60, 5e-4);
  const Outcome o = report({a, b, "--output", place / "both.html"});
  ASSERT_EQ(o.code, 0) << o.err;
  const std::string page = read_text(place / "both.html");
  const size_t from = page.find("Flags that differ"), to = page.find("Where the text went");
  ASSERT_LT(from, to);
  const std::string differ = page.substr(from, to - from);
  EXPECT_TRUE(holds(differ, "--lr") && holds(differ, "0.0001") && holds(differ, "0.0005"));
  EXPECT_FALSE(holds(differ, "--seed") || holds(differ, "--output"));
  EXPECT_EQ(count_of(differ, "<th>"), 3u) << "flag and a column a run";
  for (const char* line : {"slow, training", "fast, training", "slow, evaluation", "fast, evaluation"})
    EXPECT_TRUE(holds(page, line)) << line;
}

// Columns of many runs would not fit beside one another.
TEST(Report, ManyRunsAreRowsOfTheFlagsThatDiffer) {
  const TemporaryFolder place;
  std::vector<std::string> words;
  for (int i = 0; i < 6; ++i)
    words.push_back(make_run(place / fmt::format("a_long_name_of_run_{}", i), 4, 1e-4 * (i + 1)));
  words.insert(words.end(), {"--output", place / "all.html"});
  ASSERT_EQ(report(words).code, 0);
  const std::string page = read_text(place / "all.html");
  const size_t from = page.find("Flags that differ"), to = page.find("Where the text went");
  const std::string differ = page.substr(from, to - from);
  EXPECT_TRUE(holds(differ, "<th>flag</th><th>run</th><th>value</th>")) << differ;
  EXPECT_EQ(count_of(differ, "<code>--lr</code>"), 6u);
  EXPECT_TRUE(holds(differ,
                    "a_<wbr>long_<wbr>name_<wbr>of_<wbr>run_5</span></span></span></td>"
                    "<td data-label=\"value\"><span>0.0006</span></td>"))
      << differ;
}

TEST(Report, TheTotalsOfARunStandAtItsEnd) {
  const TemporaryFolder place;
  const std::string folder = make_run(place / "a", 40, 1e-3, {{"program", "dapt_train"}});
  ASSERT_EQ(report({folder}).code, 0);
  const std::string page = read_text(folder + "/report.html");
  EXPECT_TRUE(holds(page, "<span>before</span></td><td class=\"n\" data-label=\"step\"><span>0</span>"));
  const size_t last = page.find("<span>last</span>"), tokens = page.find("data-label=\"tokens\"><span>4,000</span>");
  ASSERT_NE(last, std::string::npos);
  EXPECT_LT(last, tokens);
  EXPECT_EQ(count_of(page, "data-label=\"tokens\"><span>"), 1u);
  EXPECT_TRUE(holds(page, "<span>program</span>") && !holds(page, "--program")) << "which is no flag";
}

TEST(Report, ALongRunMakesASmallPage) {
  const TemporaryFolder place;
  const std::string folder = make_run(place / "long", 100000, 1e-3);
  ASSERT_GT(fs::file_size(folder + "/log.jsonl"), 10u << 20);
  ASSERT_EQ(report({folder}).code, 0);
  EXPECT_LT(fs::file_size(folder + "/report.html"), 400u << 10);
}

TEST(Report, ReadsOnWhereItStopped) {
  const TemporaryFolder place;
  const std::string folder = make_run(place / "a", 40, 1e-3), path = folder + "/log.jsonl", whole = read_text(path);
  RunLog at_once, piecewise;
  at_once.read(path);
  // A line that is being written is left for the next time.
  for (const size_t end : {size_t(0), whole.size() / 3, whole.size() / 2, whole.size()}) {
    write_text(path, whole.substr(0, end));
    piecewise.read(path);
  }
  EXPECT_EQ(piecewise.last_step, 40);
  EXPECT_EQ(piecewise.tokens, at_once.tokens);
  EXPECT_EQ(piecewise.bytes, whole.size());
  ASSERT_EQ(piecewise.loss.buckets().size(), at_once.loss.buckets().size());
  for (size_t i = 0; i < piecewise.loss.buckets().size(); ++i)
    EXPECT_EQ(piecewise.loss.buckets()[i].mean, at_once.loss.buckets()[i].mean);
}

TEST(Report, ASkippedStepLeavesAGap) {
  const TemporaryFolder place;
  const std::string folder = make_run(place / "a", 4, 1e-3), path = folder + "/log.jsonl";
  write_text(path, read_text(path) + "{\"step\": 5, \"loss\": null, \"grad_norm\": null}\n");
  ASSERT_EQ(report({folder}).code, 0);
  RunLog log;
  log.read(path);
  EXPECT_EQ(log.last_step, 5);
  EXPECT_EQ(log.loss.buckets().size(), 4u);
}

TEST(Report, RefusesInOneLine) {
  const TemporaryFolder place;
  const std::string good = make_run(place / "good", 10, 1e-3);
  const std::string broken = make_run(place / "broken", 10, 1e-3), stepless = make_run(place / "stepless", 10, 1e-3);
  std::string log = read_text(broken + "/log.jsonl");
  log.insert(log.find('\n') + 1, "{\"step\": 1, \"los\n");
  write_text(broken + "/log.jsonl", log);
  write_text(stepless + "/log.jsonl", "{\"loss\": 3}\n");
  const std::string ledger = make_run(place / "ledger", 10, 1e-3), config = make_run(place / "config", 10, 1e-3);
  write_text(ledger + "/ledger.json", "{\"train\": {\"documents_in\": \"many\"}}");
  write_text(config + "/config.json", "[");
  fs::create_directories(place / "empty");
  const std::string task = make_run(place / "task", 10, 1e-3);
  write_text(task + "/results.json", "{}");
  const struct {
    std::vector<std::string> words;
    const char* named;
  } cases[] = {{{}, "run folder"},
               {{place / "nowhere"}, "nowhere: no such folder"},
               {{place / "empty"}, "no run folder"},
               {{good + "/log.jsonl"}, "no such folder"},
               {{broken}, "log.jsonl: line 2 is not a JSON object"},
               {{stepless}, "line 1 has no \"step\""},
               {{ledger}, "ledger.json: \"documents_in\" is no whole number"},
               {{config}, "config.json: is not JSON"},
               {{task}, "results.json: no \"metric\""},
               {{good, "--colour"}, "--colour"}};
  for (const auto& c : cases) {
    auto words = c.words;
    words.insert(words.end(), {"--output", place / "never.html"});
    const Outcome o = report(words);
    EXPECT_EQ(o.code, 2) << c.named;
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_TRUE(holds(o.err, c.named)) << c.named << ": " << o.err;
    EXPECT_FALSE(fs::exists(place / "never.html"));
  }
  EXPECT_EQ(report({good, "--output", "/nowhere/page.html"}).code, 2);
}

// A folder of finetune: three classes, of which the last is never predicted.
std::string make_task(const std::string& folder, const std::vector<std::string>& labels, const json& confusion,
                      int seeds = 1) {
  fs::create_directories(folder);
  write_text(folder + "/config.json", R"({"lr": 2e-5, "model": "base"})");
  const json score = {{"accuracy", 0.5}, {"macro_f1", 0.5}, {"micro_f1", 0.5}, {"weighted_f1", 0.5}};
  json spread, one = score;
  for (const auto& [name, value] : score.items()) spread[name] = {{"mean", value}, {"std_sample", 0.25}};
  one["confusion"] = confusion;
  json results = {
      {"metric", "macro-f1"}, {"labels", labels}, {"seeds", json::array()}, {"dev", spread}, {"test", spread}};
  std::string log;
  for (int seed = 0; seed < seeds; ++seed) {
    results["seeds"].push_back({{"seed", seed}, {"best_epoch", 1}, {"dev", score}, {"test", one}});
    for (const int epoch : {1, 2})
      log += json{{"seed", seed}, {"epoch", epoch}, {"loss", 1.0 / epoch}, {"dev_macro_f1", 0.5}}.dump() + "\n";
  }
  write_text(folder + "/results.json", results.dump());
  write_text(folder + "/log.jsonl", log);
  return folder;
}

TEST(Report, ShowsTheClassesOfAFinetuning) {
  const TemporaryFolder place;
  const std::string folder =
      make_task(place / "task", {"a<b", "long_class/name", "rare"}, {{8, 2, 0}, {1, 3, 0}, {4, 0, 0}}, 2);
  ASSERT_EQ(report({folder}).code, 0);
  const std::string page = read_text(folder + "/report.html");
  const std::string classes = page.substr(page.find("<h2>Classes"), page.find("<h2>Seeds") - page.find("<h2>Classes"));
  const auto row = [](const std::string& name, const std::vector<std::string>& cells) {
    const char* headings[] = {"no.", "precision", "recall", "F1", "rows"};
    std::string text = "<tr><td data-label=\"class\"><span>" + name + "</span></td>";
    for (size_t i = 0; i < cells.size(); ++i)
      text += fmt::format("<td class=\"n\" data-label=\"{}\"><span>{}</span></td>", headings[i], cells[i]);
    return text + "</tr>";
  };
  // 8 of 13 predicted, 8 of 10 true; 2 * 8 / 23.
  EXPECT_TRUE(holds(classes, row("a&lt;b", {"1", "0.6154", "0.8000", "0.6957", "10"}))) << classes;
  EXPECT_TRUE(holds(classes, row("long_<wbr>class/<wbr>name", {"2", "0.6000", "0.7500", "0.6667", "4"}))) << classes;
  EXPECT_TRUE(holds(classes, row("rare", {"3", "never predicted", "0.0000", "0.0000", "4"}))) << classes;
  EXPECT_TRUE(holds(classes, "Confusion matrix on test, sums of 2 seeds"));
  EXPECT_TRUE(holds(classes, "predicted class</text>") && holds(classes, "true class</text>"));
  EXPECT_EQ(count_of(classes, "<rect "), 9u);
  EXPECT_TRUE(holds(classes, "<title>a&lt;b taken for long_class/name: 4</title>")) << classes;
  EXPECT_TRUE(holds(classes, "<title>rare taken for rare: 0</title>"));
}

// Twenty classes: a matrix, and in a narrow window, where its digits would be too small to read, the mistakes.
TEST(Report, ALargeMatrixIsForWideWindowsAlone) {
  const TemporaryFolder place;
  for (const int n : {14, 20}) {
    std::vector<std::string> labels;
    json confusion = json::array();
    for (int i = 0; i < n; ++i) {
      labels.push_back("class " + std::to_string(i));
      confusion.push_back(std::vector<int>(size_t(n), 1));
    }
    const std::string folder = make_task(place / std::to_string(n), labels, confusion);
    ASSERT_EQ(report({folder}).code, 0);
    const std::string page = read_text(folder + "/report.html");
    const size_t matrix = page.find("Confusion matrix on test"), mistakes = page.find("Commonest mistakes on test");
    ASSERT_NE(matrix, std::string::npos);
    EXPECT_EQ(mistakes != std::string::npos, n == 20);
    if (n == 14) continue;
    EXPECT_LT(page.rfind("<div class=\"roomy\">", matrix), matrix);
    EXPECT_LT(matrix, page.rfind("<div class=\"narrow\">", mistakes));
  }
}

TEST(Report, ManyClassesAreATableOfMistakes) {
  const TemporaryFolder place;
  std::vector<std::string> labels;
  json confusion = json::array();
  for (int i = 0; i < 60; ++i) {
    labels.push_back("class " + std::to_string(i));
    std::vector<int> row(60, 0);
    row[size_t(i)] = 5;
    row[size_t(i + 1) % 60] = i;
    confusion.push_back(row);
  }
  const std::string folder = make_task(place / "task", labels, confusion);
  ASSERT_EQ(report({folder}).code, 0);
  const std::string page = read_text(folder + "/report.html");
  EXPECT_FALSE(holds(page, "<rect style"));
  EXPECT_TRUE(holds(page, "Commonest mistakes on test"));
  const size_t first = page.find("<td data-label=\"true class\">");
  EXPECT_EQ(page.substr(first, 54), "<td data-label=\"true class\"><span>class 59</span></td>");
  EXPECT_EQ(count_of(page, "<td data-label=\"true class\">"), 30u);
}

TEST(Report, CountsThatDoNotFitTheClassesAreRefused) {
  const TemporaryFolder place;
  for (const json& odd : {json({{1, 2}}), json({{1, 2}, {3}}), json({{1, -2}, {3, 4}}), json({{1, 2.5}, {3, 4}}),
                          json({{1, 1e30}, {3, 4}}), json(7), json({{1, nullptr}, {3, 4}})}) {
    const std::string folder = make_task(place / "odd", {"a", "b"}, odd);
    const Outcome o = report({folder});
    EXPECT_EQ(o.code, 2) << odd;
    EXPECT_TRUE(holds(o.err, "results.json: \"confusion\" is no matrix of 2 x 2 counts")) << o.err;
  }
}

// Every table and heading that a page of each kind may have.
TEST(Report, PagesFitNarrowWindowsAndPaper) {
  const TemporaryFolder place;
  const std::string run = make_run(place / "a_run_with_a_long_name", 40, 1e-3),
                    task = make_task(place / "task", {"a", "b"}, {{1, 2}, {3, 4}});
  ASSERT_EQ(report({run}).code, 0);
  ASSERT_EQ(report({task}).code, 0);
  ASSERT_EQ(report({run, make_run(place / "b", 40, 2e-3), "--output", place / "both.html"}).code, 0);
  for (const std::string& file : {run + "/report.html", task + "/report.html", place / "both.html"}) {
    const std::string page = read_text(file);
    // What scrolls is cut off on paper, and a name that breaks anywhere breaks inside words.
    const size_t style = page.find("<style>"), body = page.find("<body>");
    const std::string css = page.substr(style, body - style), text = page.substr(body);
    EXPECT_FALSE(holds(css, "overflow-x") || holds(css, "min-width:560px")) << file;
    EXPECT_TRUE(holds(css, "h1,h2,h3{break-after:avoid}") && holds(css, ".card,tr{break-inside:avoid}"));
    EXPECT_FALSE(holds(css.substr(css.find(".tile .value{"), 80), "nowrap")) << "two long numbers wrap at their arrow";
    EXPECT_EQ(holds(text, "<th>a_<wbr>run_<wbr>with_<wbr>"), file == place / "both.html") << "headings too";
    // Each cell knows its heading, for windows that show a row as lines.
    EXPECT_EQ(count_of(text, "<table"), count_of(text, "<table class=\"stack\"><thead><tr><th")) << file;
    EXPECT_EQ(count_of(text, "<td"), count_of(text, " data-label=\"")) << file;
    // Each chart names both axes, and a wide one has a drawing for narrow windows.
    EXPECT_EQ(count_of(text, "<svg data-chart"),
              count_of(text, "text-anchor=\"end\">" + std::string(file == task + "/report.html" ? "epoch" : "step") +
                                 "</text>"))
        << file;
    EXPECT_EQ(2 * count_of(text, "<svg data-chart"), count_of(text, "<text class=\"name\"")) << file;
    EXPECT_EQ(count_of(text, "<text class=\"name\" x=\"4\" y=\"16\" text-anchor=\"start\"></text>"), 0u) << file;
    EXPECT_EQ(count_of(text, "class=\"roomy\""), count_of(text, "class=\"narrow\"")) << file;
    EXPECT_GE(count_of(text, "class=\"narrow\""), 1u) << file;
  }
}

// A damaged log is refused or drawn, but never hangs, and never makes numbers that are none.
TEST(Report, AbsurdNumbersInALogAreBoundedWork) {
  const TemporaryFolder place;
  const auto line = [](const char* step, const char* loss, const char* rest) {
    return fmt::format("{{\"step\": {}, \"loss\": {}{}}}\n", step, loss, rest);
  };
  const struct {
    std::string log;
    int code;
  } cases[] = {
      {line("9223372036854775807", "3", ""), 2},
      {line("1e300", "3", ""), 2},
      {line("-1", "3", ""), 2},
      {line("1", "3", "") + line("18446744073709551615", "3", ""), 2},
      {line("9007199254740992", "3", ""), 0},
      {line("9007199254740991", "3", "") + line("9007199254740992", "3", ""), 0},
      {line("1", "3", "") + line("9007199254740992", "3", ""), 0},
      {line("1", "1.7e308", "") + line("2", "-1.7e308", ""), 0},
      {line("1", "5e-324", "") + line("2", "1e-323", ""), 0},
      {line("1", "1e15", "") + line("2", "1000000000000000.125", ""), 0},
      {line("1", "3", ", \"tokens\": 1e308, \"seconds\": 1e308, \"tokens_per_second\": 1e308, \"grad_norm\": 1e308") +
           line("2", "3", ", \"tokens\": 9223372036854775807, \"seconds\": 5e-324, \"grad_norm\": 5e-324"),
       0},
      {"{\"step\": 1, \"eval_loss\": 1e308, \"eval_targets\": 1e308, \"eval_accuracy\": -1e308}\n", 0},
  };
  for (const auto& c : cases) {
    const std::string folder = make_run(place / "a", 1, 1e-3);
    write_text(folder + "/log.jsonl", c.log);
    fs::remove(folder + "/report.html");
    const Outcome o = run({"timeout", "20", program("report"), folder});
    EXPECT_EQ(o.code, c.code) << c.log << o.err;
    if (c.code == 2) {
      EXPECT_TRUE(holds(o.err, "is no \"step\" of a run")) << o.err;
      continue;
    }
    const std::string page = read_text(folder + "/report.html");
    const std::string drawn = page.substr(page.find("<main>"), page.find("<script id") - page.find("<main>"));
    EXPECT_FALSE(holds(drawn, "nan") || holds(drawn, "inf")) << c.log << drawn;
    EXPECT_LT(page.size(), 100'000u) << c.log;
  }
}

TEST(Report, DeepAndHugeJsonIsRefused) {
  const TemporaryFolder place;
  const std::string folder = make_run(place / "a", 3, 1e-3);
  write_text(folder + "/config.json", "{\"lr\": " + std::string(200'000, '[') + std::string(200'000, ']') + "}");
  EXPECT_TRUE(holds(report({folder}).err, "config.json: JSON nested deeper than 64 levels"));
  write_text(folder + "/config.json", "{\"lr\": 1e400}");
  const Outcome o = report({folder});
  EXPECT_EQ(o.code, 2);
  EXPECT_TRUE(holds(o.err, "config.json: holds a number that is beyond every range")) << o.err;
}

TEST(Chart, DrawsWhatIsThereInsideItsFrame) {
  Chart chart{.title = "t", .logarithmic = true};
  chart.lines.push_back({.name = "n", .x = {1, 2, 3}, .y = {0, 10, 1000}});
  const DrawnChart log = draw_chart(chart, "a");
  EXPECT_TRUE(holds(log.svg, ">1,000</text>")) << log.svg;
  EXPECT_FALSE(holds(log.svg, "nan") || holds(log.svg, "inf"));
  const DrawnChart nothing = draw_chart({.title = "none"}, "b");
  EXPECT_FALSE(holds(nothing.svg, "nan") || holds(nothing.svg, "inf"));
  const DrawnChart flat = draw_chart({.title = "one point", .lines = {{.name = "n", .x = {5}, .y = {2}}}}, "c");
  EXPECT_FALSE(holds(flat.svg, "nan") || holds(flat.svg, "inf"));
}

}  // namespace
}  // namespace encore::test
