// Nothing of the user's is ever replaced: what programs refuse to write to, and that it stays as it was.
#include <map>
#include <nlohmann/json.hpp>

#include "tests/apps/program.h"

namespace encore::test {
namespace {

using nlohmann::json;

// Every file below a folder with its content.
std::map<std::string, std::string> content(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[entry.path().string()] = read_text(entry.path().string());
  return files;
}

class Outputs : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    place_ = new TinyWorkplace(0.1f, 60);
    write_text(*place_ / "rows.jsonl",
               "{\"text\": \"the cat\", \"label\": \"a\"}\n{\"text\": \"a dog\", \"label\": \"b\"}\n");
    write_text(*place_ / "batch.json", json{{"input_ids", {{0, 5, 2}}}, {"labels", {{-100, 5, -100}}}}.dump());
    fs::create_directories(*place_ / "mine");
    write_text(*place_ / "mine/notes.txt", "my notes\n");
    write_text(*place_ / "mine/labels.npy", "\x93NUMPY of my own");
    // As numpy.save, a trace of another implementation, and another profiler write them.
    const std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
    write_text(*place_ / "mine/numpy.npy", std::string("\x93NUMPY\x01\x00\x76\x00", 10) + dict +
                                               std::string(0x75 - dict.size(), ' ') + "\n" + std::string(24, '\0'));
    const std::string header = R"({"hidden.0":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}    )";
    write_text(*place_ / "mine/theirs.safetensors",
               std::string(1, char(header.size())) + std::string(7, '\0') + header + "abcd");
    write_text(*place_ / "mine/trace.json", "{\"traceEvents\":[]}");
    const Outcome o = run(dapt(*place_ / "run"));
    ASSERT_EQ(o.code, 0) << o.err;
  }
  static void TearDownTestSuite() {
    delete place_;
    place_ = nullptr;
  }
  static Words computing(const std::string& name) { return test::computing(name, place_->model()); }
  static Words dapt(const std::string& output) { return small_training(*place_, output, 3); }
  static Words tune(const std::string& output) {
    const std::string rows = *place_ / "rows.jsonl";
    return computing("finetune") + Words{"--train", rows, "--dev", rows, "--epochs", "1", "--output", output};
  }
  static Words embed(const std::string& output) {
    return computing("embed") + Words{"--data", *place_ / "rows.jsonl", "--output", output};
  }
  static Words trace(const std::string& output) {
    return computing("trace") + Words{"--batch", *place_ / "batch.json", "--output", output};
  }
  static Words predict(const std::string& trace_file) {
    return computing("predict") + Words{"--data", *place_ / "rows.jsonl", "--trace", trace_file};
  }
  static Words init(const std::string& output) {
    return {program("init_model"), "--config", "encore-mini", "--tokenizer", place_->model(), "--output", output};
  }
  static Words learn(const std::string& output) {
    return {program("train_tokenizer"), "--data", place_->train(), "--vocab-size", "300", "--output", output};
  }
  // The command ends with 2 and one line that has `part`, and no file of the workplace changes.
  static void expect_refused(const Words& words, const std::string& part) {
    const auto before = content(place_->folder());
    const Outcome o = run(words);
    EXPECT_EQ(o.code, 2) << words[0] << " " << words.back() << ": " << o.out << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_NE(o.err.find(part), std::string::npos) << o.err;
    EXPECT_TRUE(content(place_->folder()) == before) << words[0] << " " << words.back();
  }
  static TinyWorkplace* place_;
};
TinyWorkplace* Outputs::place_ = nullptr;

TEST_F(Outputs, AFolderWithAnythingOfOthersIsRefusedByEveryProgram) {
  const std::string mine = *place_ / "mine", model = place_->model(), dapt_run = *place_ / "run";
  for (const auto& command : {dapt, tune, init, learn}) {
    expect_refused(command(mine), "holds '");
    expect_refused(command(model), "");
    expect_refused(command(mine + "/notes.txt"), "no folder");
  }
  expect_refused(dapt(mine) + Words{"--resume"}, "holds 'labels.npy'");
  expect_refused(dapt(model) + Words{"--resume"}, "");
  expect_refused(tune(dapt_run), "dapt_train");
  expect_refused(tune(dapt_run) + Words{"--resume"}, "dapt_train");
  expect_refused(dapt(dapt_run), "--resume");
  expect_refused(init(dapt_run), "holds");
  expect_refused(init(model + "/new"), "lies in the folder of --tokenizer");
  expect_refused(learn(dapt_run), "holds");
  expect_refused(dapt(*place_ / "new") + Words{"--cache-dir", model + "/cache"}, "lies in the folder of --model");
  expect_refused(dapt(*place_ / "new") + Words{"--cache-dir", *place_ / "new"}, "lies in the folder of --output");
  expect_refused(computing("mlm_eval") + Words{"--data", place_->eval(), "--cache-dir", model}, "of --model");
  fs::create_directory_symlink(model, *place_ / "link");
  expect_refused(tune(*place_ / "link/inside"), "lies in the folder of --model");
  expect_refused(tune(*place_ / "link"), "");
  fs::remove(*place_ / "link");
}

TEST_F(Outputs, AFileOfOthersIsRefusedByEveryProgram) {
  const std::string dapt_run = *place_ / "run";
  for (const auto& command : {embed, trace, predict}) {
    for (const char* file :
         {"mine/notes.txt", "mine/labels.npy", "mine/numpy.npy", "mine/theirs.safetensors", "mine/trace.json",
          "rows.jsonl", "batch.json", "run/log.jsonl", "run/config.json", "run/model/best/model.safetensors"})
      expect_refused(command(*place_ / file), "--");
    expect_refused(command(place_->model() + "/new.npy"), "lies in the folder of --model");
    expect_refused(command(*place_ / "mine"), "folder");
    expect_refused(command(*place_ / "nowhere/x.npy"), "there is no folder");
    expect_refused(command("/dev/null"), "no regular file");
  }
  for (const char* file : {"mine/notes.txt", "run/log.jsonl", "run/config.json"})
    expect_refused({program("report"), dapt_run, "--output", *place_ / file}, "did not write it");
  fs::create_symlink(*place_ / "rows.jsonl", *place_ / "link");
  expect_refused(embed(*place_ / "link"), "is the file of --data");
  fs::remove(*place_ / "link");
  fs::create_hard_link(*place_ / "rows.jsonl", *place_ / "link");
  expect_refused(embed(*place_ / "link"), "is the file of --data");
  fs::remove(*place_ / "link");
}

TEST_F(Outputs, AProgramReplacesItsOwnFilesAndFollowsLinks) {
  const std::string out = *place_ / "out";
  fs::create_directories(out + "/far");
  write_text(out + "/empty", "");
  for (const auto& command : {embed, trace}) {
    const std::string file = out + "/result", link = out + "/link";
    fs::create_symlink(out + "/far/result", link);
    for (const std::string& target : {file, file, link, link}) {
      const Outcome o = run(command(target));
      EXPECT_EQ(o.code, 0) << o.err;
    }
    EXPECT_TRUE(fs::is_symlink(link));
    EXPECT_TRUE(read_text(out + "/far/result") == read_text(file));
    EXPECT_EQ(run(command(out + "/empty")).code, 0) << "an empty file holds nothing";
    for (const std::string& left : {file, link, out + "/far/result", out + "/empty"}) fs::remove(left);
    write_text(out + "/empty", "");
  }
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run({program("report"), *place_ / "run"}).code, 0);
}

TEST_F(Outputs, AnEmptyFolderIsFilledAndAFailureLeavesNone) {
  const std::string out = *place_ / "filled";
  fs::create_directories(out);
  fs::permissions(out, fs::perms::owner_all);
  EXPECT_EQ(run(init(out)).code, 0);
  EXPECT_TRUE(fs::exists(out + "/model.safetensors"));
  EXPECT_EQ(fs::status(out).permissions(), fs::perms::owner_all) << "the folder itself stays";
  // A file may have 8 KiB: the weights do not fit.
  for (const auto& command : {init, learn}) {
    const std::string fresh = *place_ / "fresh";
    const auto all = command(fresh);
    Words words{"bash", "-c", "ulimit -f 1; exec \"$@\"", "-"};
    const Outcome o = run(words + all);
    EXPECT_EQ(o.code, 74) << o.err;
    EXPECT_FALSE(fs::exists(fresh));
    const Outcome again = run(all);
    EXPECT_EQ(again.code, 0) << again.err;
    fs::remove_all(fresh);
  }
}

TEST_F(Outputs, AnyNameOfTheSystemServes) {
  const std::string latin = *place_ / "M\xfcller", lines = *place_ / "two\nlines";
  for (const std::string& name : {latin, lines}) {
    fs::copy(place_->model(), name + "-model", fs::copy_options::recursive);
    const Words commands[] = {learn(name + "-tokens"),
                              embed(name + ".npy"),
                              trace(name + ".trace"),
                              {program("init_model"), "--config", name + "-model", "--tokenizer", name + "-tokens",
                               "--output", name + "-new"},
                              {program("report"), *place_ / "run", "--output", name + ".html"}};
    for (const Words& words : commands) {
      const Outcome o = run(words);
      EXPECT_EQ(o.code, 0) << words[0] << o.err;
      EXPECT_TRUE(fs::exists(words.back())) << words[0];
    }
  }
}

TEST_F(Outputs, ResumeWithoutARunBeginsNothingByItself) {
  for (const char* name : {"dapt_train", "tapt_train", "finetune"})
    expect_refused({program(name), "--resume", "--output", *place_ / "nothing-here"}, "holds no run");
  EXPECT_FALSE(fs::exists(*place_ / "nothing-here"));
}

// What a user adds to a run stays through saves and a resumed run.
TEST_F(Outputs, FilesThatWereAddedToARunStay) {
  const std::string output = *place_ / "added";
  ASSERT_EQ(run(dapt(output)).code, 0);
  const std::vector<std::string> files = {
      "/notes.tmp-draft", "/notes.tmp-2024",    "/notes.txt",
      "/report.html",     "/model/mine.tmp-12", "/model/last/README.md",
      "/state/why.txt",   "/state/why.tmp-old", "/events.out.tfevents.1700000000.host.1234.0"};
  for (const std::string& file : files) write_text(output + file, "mine");
  fs::remove_all(output + "/state/step-3");
  const Outcome o = run({program("dapt_train"), "--resume", "--output", output});
  ASSERT_EQ(o.code, 0) << o.err;
  for (const std::string& file : files) EXPECT_EQ(read_text(output + file), "mine") << file;
  EXPECT_NE(o.out.find("report.html: is there already"), std::string::npos) << o.out;
}

}  // namespace
}  // namespace encore::test
