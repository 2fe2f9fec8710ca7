// The command line: its refusals, and what config.json records and restores.
#include "apps/program/cli.h"

#include "tests/train/tiny_run.h"

namespace encore::test {
namespace {

using nlohmann::json;

Cli make_cli() {
  Cli cli("program", "does.", "program --lr 1");
  cli.number("Learn", "lr", "rate", 0.5, 0, 10);
  cli.integer("Learn", "max-steps", "steps", 7, 0, 100).may_change_on_resume();
  cli.text("Files", "model", "folder", "DIR").path().may_change_on_resume();
  cli.list("Files", "train", "text", "FILE").path();
  cli.flag("Files", "verify", "reads again");
  cli.choice("Learn", "schedule", "course", {"linear", "cosine"}, "linear");
  cli.presets({{"fast", {{"lr", "2"}}}}, "values").may_change_on_resume();
  return cli;
}

std::string parse(Cli& cli, std::vector<const char*> words) {
  words.insert(words.begin(), "program");
  try {
    cli.parse(int(words.size()), words.data());
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
std::string refusal(std::vector<const char*> words) {
  Cli cli = make_cli();
  return parse(cli, std::move(words));
}

TEST(Cli, ReadsValuesListsAndFlags) {
  Cli cli = make_cli();
  ASSERT_EQ(parse(cli, {"--lr", "1e-3", "--train", "a", "b", "--verify", "--train=c=d", "--max-steps=3"}), "");
  EXPECT_EQ(cli.get_number("lr"), 1e-3);
  EXPECT_EQ(cli.get_list("train"), (std::vector<std::string>{"a", "b", "c=d"}));
  EXPECT_TRUE(cli.get_flag("verify"));
  EXPECT_EQ(cli.get_integer("max-steps"), 3);
  EXPECT_FALSE(cli.given("schedule"));
  EXPECT_EQ(cli.get("schedule"), "linear");
}

TEST(Cli, NamesTheNearestFlag) {
  EXPECT_EQ(refusal({"--lrr", "1"}), "unknown flag --lrr: did you mean --lr?");
  EXPECT_EQ(refusal({"--max_steps", "1"}), "unknown flag --max_steps: did you mean --max-steps?");
  EXPECT_EQ(refusal({"--sched", "cosine"}), "unknown flag --sched: did you mean --schedule?");
  EXPECT_EQ(refusal({"-lr", "1"}), "unknown flag -lr: did you mean --lr?");
  EXPECT_EQ(refusal({"--learning-rate", "1"}), "unknown flag --learning-rate; --help lists the flags");
  const TemporaryFolder place;
  write_text(place / "c.json", R"({"verfy": true})");
  const std::string file = place / "c.json";
  EXPECT_EQ(refusal({"--config", file.c_str()}), file + ": unknown flag \"verfy\": did you mean --verify?");
}

TEST(Cli, RefusesWhatIsOutOfRange) {
  EXPECT_EQ(refusal({"--lr", "11"}), "--lr: 11 is not between 0 and 10");
  EXPECT_EQ(refusal({"--lr", "fast"}), "--lr: 'fast' is not a number");
  EXPECT_EQ(refusal({"--max-steps", "1.5"}), "--max-steps: '1.5' is not a whole number");
  EXPECT_EQ(refusal({"--schedule", "stairs"}), "--schedule: 'stairs' is none of linear|cosine");
  EXPECT_EQ(refusal({"--model"}), "--model needs a value (DIR)");
  EXPECT_EQ(refusal({"word"}), "'word' is no flag; --help lists the flags");
  EXPECT_EQ(refusal({"--verify=maybe"}), "--verify: 'maybe' is neither true nor false");
}

TEST(Cli, TellsWhatMayChangeOnResume) {
  EXPECT_EQ(make_cli().fixed_on_resume(), (std::vector<std::string>{"lr", "train", "verify", "schedule"}));
}

TEST(Cli, WhatItRecordsRepeatsTheRunFromAnyFolder) {
  Cli cli = make_cli();
  ASSERT_EQ(parse(cli, {"--model", "m/../here", "--train", "a.txt", "-", "/b", "--preset", "fast"}), "");
  const json record = cli.repeatable();
  const std::string here = fs::current_path().string();
  EXPECT_EQ(record.at("model"), here + "/here");
  EXPECT_EQ(record.at("train"), json({here + "/a.txt", "-", "/b"}));
  EXPECT_EQ(record.at("lr"), 2.0);
  EXPECT_EQ(record.at("defaults"), json({{"lr", 0.5},
                                         {"max-steps", 7},
                                         {"model", ""},
                                         {"train", json::array()},
                                         {"verify", false},
                                         {"schedule", "linear"},
                                         {"preset", ""}}));
  const TemporaryFolder place;
  write_text(place / "config.json", record.dump());
  Cli again = make_cli();
  ASSERT_EQ(parse(again, {"--config", (place / "config.json").c_str(), "--max-steps", "9"}), "");
  EXPECT_EQ(again.get_number("lr"), 2);
  EXPECT_EQ(again.get_integer("max-steps"), 9);
  EXPECT_EQ(again.get("model"), here + "/here");
}

}  // namespace
}  // namespace encore::test
