// What every program says about itself.
#include "tests/apps/program.h"

namespace encore::test {
namespace {

constexpr const char* kPrograms[] = {"dapt_train", "tapt_train", "finetune",       "report",     "mlm_eval",
                                     "predict",    "fill_mask",  "embed",          "tokenize",   "train_tokenizer",
                                     "init_model", "trace",      "domain_overlap", "select_data"};

TEST(Help, TheShortOneFitsATerminalAndTheLongOneHasEveryFlag) {
  for (const char* name : kPrograms) {
    const Outcome brief = run({program(name), "--help"}), all = run({program(name), "--help", "all"});
    EXPECT_EQ(brief.code + all.code, 0) << name;
    EXPECT_EQ(brief.err + all.err, "") << name;
    EXPECT_EQ(run({program(name), "-h"}).out, brief.out) << name;
    EXPECT_EQ(run({program(name), "--help=all"}).out, all.out) << name;
    EXPECT_LE(std::count(brief.out.begin(), brief.out.end(), '\n'), 24) << brief.out;
    EXPECT_NE(brief.out.find(std::string("Every flag: ") + name + " --help all\n"), std::string::npos) << brief.out;
    for (const char* part : {"--version", "--help", "Exit codes: 0 done"})
      EXPECT_NE(all.out.find(part), std::string::npos) << name;
    // A flag of the short help is one of the long help, and says what it is for: cut at the first colon or bracket, its
    // text is still more than a word, and ends in no default of 0, whose rule is cut off.
    std::istringstream lines(brief.out);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("  --")) continue;
      EXPECT_NE(all.out.find(line.substr(0, line.find(' ', 4)) + " "), std::string::npos) << name << line;
      ASSERT_GT(line.size(), 30u) << line;
      EXPECT_NE(line.substr(30, line.find(" [") - 30).find(' '), std::string::npos) << name << line;
      EXPECT_FALSE(line.ends_with(" [0]")) << name << line;
    }
  }
}

TEST(Help, VersionNamesProgramCommitBuildAndProcessor) {
  for (const char* name : kPrograms) {
    const Outcome o = run({program(name), "--version"});
    EXPECT_EQ(o.code, 0);
    EXPECT_EQ(o.err, "");
    EXPECT_TRUE(o.out.starts_with(std::string(name) + " (Encore) ")) << o.out;
    EXPECT_NE(o.out.find("\ncommit "), std::string::npos) << o.out;
    EXPECT_NE(o.out.find(" build"), std::string::npos) << o.out;
    EXPECT_NE(o.out.find("\ncpu: "), std::string::npos) << o.out;
  }
}

TEST(Help, NamesOfHuggingFaceAndUnderscores) {
  for (const char* name : {"dapt_train", "tapt_train", "finetune"}) {
    const Outcome o = run({program(name), "--learning_rate", "1e-4"});
    EXPECT_EQ(o.code, 2);
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(o.err, std::string(name) + ": unknown flag --learning_rate: did you mean --lr?\n");
    // The underscore is a dash, so that the value is what is refused.
    EXPECT_EQ(run({program(name), "--warmup_ratio", "2"}).err,
              std::string(name) + ": --warmup-ratio: 2 is not between 0 and 1\n");
  }
  for (const char* name : {"mlm_eval", "predict", "embed", "tokenize", "train_tokenizer"})
    EXPECT_EQ(run({program(name), "--eval", "x"}).err,
              std::string(name) + ": unknown flag --eval: did you mean --data?\n");
}

}  // namespace
}  // namespace encore::test
