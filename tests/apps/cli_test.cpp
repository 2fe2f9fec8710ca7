// The command line: its refusals, and what config.json records and restores.
#include "apps/program/cli.h"

#include "tests/train/tiny_run.h"

namespace encore::test {
namespace {

using nlohmann::json;

Cli make_cli() {
  Cli cli("program", "does.", "program --lr 1");
  cli.number("Learn", "lr", "rate", 0.5, 0, 10);
  cli.integer("Learn", "max-steps", "steps", 7, 0, 100).may_change_on_resume().alias("steps");
  cli.integer("Learn", "many", "much", 1, 0, int64_t(1) << 53).may_change_on_resume();
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
  EXPECT_EQ(refusal({"--sched", "cosine"}), "unknown flag --sched: did you mean --schedule?");
  EXPECT_EQ(refusal({"-lr", "1"}), "unknown flag -lr: did you mean --lr?");
  EXPECT_EQ(refusal({"--LR", "1"}), "unknown flag --LR: did you mean --lr?");
  EXPECT_EQ(refusal({"--max_stps", "1"}), "unknown flag --max_stps: did you mean --max-steps?");
  EXPECT_EQ(refusal({"--maxsteps", "1"}), "unknown flag --maxsteps: did you mean --max-steps?");
  EXPECT_EQ(refusal({"--stepz", "1"}), "unknown flag --stepz: did you mean --max-steps?") << "like an alias";
  EXPECT_EQ(refusal({"--colour", "1"}), "unknown flag --colour; --help lists the flags");
  const TemporaryFolder place;
  write_text(place / "c.json", R"({"verfy": true})");
  const std::string file = place / "c.json";
  EXPECT_EQ(refusal({"--config", file.c_str()}), file + ": unknown flag 'verfy': did you mean --verify?");
}

TEST(Cli, KnowsTheNamesOfHuggingFace) {
  EXPECT_EQ(refusal({"--learning_rate", "1"}), "unknown flag --learning_rate: did you mean --lr?");
  EXPECT_EQ(refusal({"--model_name_or_path=x"}), "unknown flag --model_name_or_path: did you mean --model?");
  EXPECT_EQ(refusal({"--lr_scheduler_type", "linear"}), "unknown flag --lr_scheduler_type: did you mean --schedule?");
  // Nothing of the kind is declared here.
  EXPECT_EQ(refusal({"--fp16"}), "unknown flag --fp16; --help lists the flags");
}

TEST(Cli, AFlagHasOneValueUnderAllItsNames) {
  for (const char* name : {"--max-steps", "--max_steps", "--steps"}) {
    Cli cli = make_cli();
    ASSERT_EQ(parse(cli, {name, "9"}), "") << name;
    EXPECT_EQ(cli.get_integer("max-steps"), 9) << name;
  }
  EXPECT_EQ(refusal({"--max-steps", "1", "--steps", "1"}), "--max-steps and --steps are one flag; give one of them");
  EXPECT_EQ(refusal({"--max-steps", "1", "--max_steps", "2"}), "") << "the last one counts";
  const TemporaryFolder place;
  const std::string old = place / "old.json", both = place / "both.json";
  write_text(old, R"({"steps": 9})");
  Cli cli = make_cli();
  ASSERT_EQ(parse(cli, {"--config", old.c_str()}), "");
  EXPECT_EQ(cli.get_integer("max-steps"), 9);
  EXPECT_EQ(cli.resolved().at("max-steps"), 9);
  EXPECT_EQ(cli.other_names(), (std::map<std::string, std::string>{{"steps", "max-steps"}}));
  Cli over = make_cli();
  ASSERT_EQ(parse(over, {"--config", old.c_str(), "--max-steps", "3"}), "") << "the command line wins under any name";
  EXPECT_EQ(over.get_integer("max-steps"), 3);
  write_text(both, R"({"max_steps": 9, "steps": 9})");
  EXPECT_EQ(refusal({"--config", both.c_str()}), both + ": 'max_steps' and 'steps' are one flag; give one of them");
}

TEST(Cli, TakesValuesOfAnyLengthAndForm) {
  const std::string lines = "a\nb\r", word(200'000, 'x');
  Cli cli = make_cli();
  ASSERT_EQ(parse(cli, {"--model", lines.c_str(), "--train", word.c_str(), ("--train=" + word).c_str()}), "");
  EXPECT_EQ(cli.get("model"), lines);
  EXPECT_EQ(cli.get_list("train"), (std::vector<std::string>{word, word}));
  for (const std::string& odd : {lines, word, std::string("\x1b[2J")})
    for (const char* flag : {"--lr=", "--max-steps=", "--verify=", "--schedule=", "--preset=", "", "--", "-"}) {
      const std::string message = refusal({(flag + odd).c_str()});
      EXPECT_NE(message, "") << flag;
      EXPECT_LT(message.size(), 300u) << flag;
      for (const char c : message) EXPECT_GE(c, ' ') << flag << message;
    }
  EXPECT_EQ(refusal({"--train", "--lr", "1"}),
            "--train needs a value (FILE...), and '--lr' is a flag; --train=--lr if it is meant as the value");
}

TEST(Cli, RefusesNumbersThatNoMachineTypeHolds) {
  EXPECT_EQ(refusal({"--lr", "1e999"}), "--lr: '1e999' is beyond the numbers that can be computed with");
  EXPECT_EQ(refusal({"--max-steps", "9223372036854775808"}),
            "--max-steps: '9223372036854775808' is beyond the numbers that can be computed with");
  // 2^53 + 1, which a double would round to the bound.
  EXPECT_EQ(refusal({"--many", "9007199254740993"}), "--many: 9007199254740993 is not between 0 and 9007199254740992");
  const TemporaryFolder place;
  const std::string file = place / "c.json";
  for (const char* value :
       {"1e400", "-1e400", "123456789012345678901234567890e300", "[1e400]", "{\"a\": 1}", "[[1]]"}) {
    write_text(file, std::string("{\"lr\": ") + value + "}");
    const std::string message = refusal({"--config", file.c_str()});
    EXPECT_NE(message, "") << value;
    EXPECT_NE(message.find(file), std::string::npos) << message;
  }
  write_text(file, "{\"lr\": " + std::string(100'000, '[') + std::string(100'000, ']') + "}");
  EXPECT_NE(refusal({"--config", file.c_str()}).find("nested deeper"), std::string::npos);
  const std::string folder = place / "";
  EXPECT_NE(refusal({"--config", folder.c_str()}).find("is a folder"), std::string::npos);
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

TEST(Cli, WhatIsNeededMayBeFilledIn) {
  Cli cli = make_cli();
  ASSERT_EQ(parse(cli, {}), "");
  EXPECT_THROW(cli.required("model"), Error);
  EXPECT_THROW(cli.required("train"), Error);
  cli.set("model", "m");
  cli.set("train", "t");
  EXPECT_EQ(cli.required("model"), "m");
  EXPECT_EQ(cli.required("train"), "t");
  Cli empty = make_cli();
  ASSERT_EQ(parse(empty, {"--model="}), "");
  EXPECT_THROW(empty.required("model"), Error);
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
                                         {"many", 1},
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
