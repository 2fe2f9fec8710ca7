// Which states are kept, damaged states, run folders that vanish, and log lines that wait to be written.
#include <sys/resource.h>

#include <csignal>

#include "tests/train/tiny_run.h"
#include "train/run_folder.h"
#include "train/save_policy.h"
#include "train/state_file.h"
#include "train/step_log.h"

namespace encore::test {
namespace {

std::set<std::string> names(const std::string& folder) {
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) found.insert(entry.path().filename().string());
  return found;
}

RunFolder open_run(const std::string& path) {
  OutputSpec output{.folder = path, .program = "dapt_train"};
  return RunFolder::open(output, {{"lr", 1e-3}, {"resume", false}, {"program", "dapt_train"}});
}

// A run folder with states of a tiny model.
struct States {
  States() : backend(make_backend("cpu", 1)), folder(open_run(place / "run")) {
    model = make_mlm(tiny_config(300, 0), *backend, DType::kF32, Mode::kTraining);
    optimizer.emplace(model->params(), AdamWOptions{});
  }
  void save(int64_t step) {
    save_state(folder.state_dir(step), {.step = step}, {.params = &model->params(), .optimizer = &*optimizer});
  }
  void bend(int64_t step, const char* file = "adam_m.f32") {
    const std::string path = folder.state_dir(step) + "/" + file;
    fs::resize_file(path, fs::file_size(path) - 4);
  }
  TemporaryFolder place;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Model> model;
  std::optional<Optimizer> optimizer;
  RunFolder folder;
};

using Steps = std::vector<int64_t>;

TEST(States, RotationKeepsTheNewestAndTheBest) {
  States s;
  for (const int64_t step : {10, 20, 30, 40}) s.save(step);
  s.folder.remove_old_states(2, 10);
  EXPECT_EQ(s.folder.states(), (Steps{10, 30, 40}));
  s.folder.remove_old_states(1, -1);
  EXPECT_EQ(s.folder.states(), Steps{40});
  EXPECT_EQ(names(s.place / "run/state"), std::set<std::string>{"step-40"});
}

TEST(States, RotationNeverRemovesTheNewestCompleteOne) {
  States s;
  for (const int64_t step : {10, 20, 30, 40}) s.save(step);
  s.bend(40);
  s.bend(30, "state.json");
  s.folder.remove_old_states(1, -1);
  EXPECT_EQ(s.folder.states(), (Steps{20, 30, 40}));
  EXPECT_TRUE(state_is_whole(s.folder.state_dir(20)));
  EXPECT_EQ(s.folder.whole_state_before(40), 20);
}

// A run that resumed from step 20 while states 30 and 40 existed: these must not push out the run's own newer saves.
TEST(States, ThoseOfACourseThatWasLeftDoNotCount) {
  States s;
  for (const int64_t step : {10, 20, 30, 40}) s.save(step);
  s.folder.set_aside_states_after(20);
  EXPECT_EQ(s.folder.states(), (Steps{10, 20}));
  s.save(25);
  s.folder.remove_old_states(2, -1);
  EXPECT_EQ(s.folder.states(), (Steps{20, 25}));
  EXPECT_EQ(names(s.place / "run/state"), (std::set<std::string>{"step-20", "step-25"}));
}

TEST(States, AFlippedByteIsFoundAndAStateIsReplaced) {
  States s;
  s.save(10);
  const std::string dir = s.folder.state_dir(10);
  for (const char* file : {"weights.f32", "adam_m.f32", "adam_v.f32", "state.json"}) {
    EXPECT_TRUE(state_is_whole(dir));
    std::string bytes = read_text(dir + "/" + file);
    bytes[bytes.size() / 2] ^= 1;
    write_text(dir + "/" + file, bytes);
    EXPECT_FALSE(state_is_whole(dir)) << file;
    try {
      load_state(dir, read_state(dir), {.params = &s.model->params(), .optimizer = &*s.optimizer});
      FAIL() << file;
    } catch (const DamagedState& e) {
      EXPECT_NE(std::string(e.what()).find(file), std::string::npos) << e.what();
    }
    s.save(10);
  }
  EXPECT_EQ(names(s.place / "run/state"), std::set<std::string>{"step-10"});
}

TEST(RunFolder, ARemovedFolderIsNoticedAndMadeAnewOnlyWhenAsked) {
  const TemporaryFolder place;
  RunFolder folder = open_run(place / "run");
  folder.write_files();
  const std::string config = read_text(place / "run/config.json");
  StepLog log(place / "run");
  log.write({{"step", 1}, {"loss", 0.5}});
  folder.check_in_place();
  fs::remove_all(place / "run");
  EXPECT_THROW(folder.check_in_place(), IoError);
  log.write({{"step", 2}, {"loss", 0.25}});
  folder.restore();
  log.restore();
  folder.check_in_place();
  log.write({{"step", 3}, {"loss", 0.125}});
  EXPECT_EQ(read_text(place / "run/log.jsonl"),
            "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.25}\n{\"step\":3,\"loss\":0.125}\n");
  EXPECT_EQ(read_text(place / "run/config.json"), config);
  // Somebody else's folder under the name is left alone.
  fs::rename(place / "run", place / "moved");
  fs::create_directories(place / "run");
  EXPECT_THROW(folder.restore(), IoError);
  EXPECT_TRUE(fs::is_empty(place / "run"));
}

// A file may have 20 bytes: the bytes beyond wait, and are written in order once there is room.
TEST(AppendFile, WhatCouldNotBeWrittenIsNotLost) {
  const TemporaryFolder place;
  ::signal(SIGXFSZ, SIG_IGN);
  AppendFile file(place / "log", {});
  struct rlimit old {};
  ::getrlimit(RLIMIT_FSIZE, &old);
  struct rlimit low = old;
  low.rlim_cur = 20;
  ::setrlimit(RLIMIT_FSIZE, &low);
  file.append("0123456789abcde\n");
  file.flush();
  file.append("second line\n");
  EXPECT_THROW(file.flush(), IoError);
  file.append("third line\n");
  EXPECT_THROW(file.sync(), IoError);
  ::setrlimit(RLIMIT_FSIZE, &old);
  file.sync();
  EXPECT_EQ(read_text(place / "log"), "0123456789abcde\nsecond line\nthird line\n");
  EXPECT_EQ(file.mark().bytes, 39u);
}

// The folder may go at any moment of a save, and then any write of it is the first to fail.
TEST(RunFolder, ARemovedFolderIsNamedAsRemoved) {
  States s;
  const auto message = [&](const std::function<void()>& writing) -> std::string {
    try {
      s.folder.write(writing);
    } catch (const IoError& e) {
      return e.what();
    }
    return "";
  };
  const auto full = [] { fail_io("some/file: No space left on device"); };
  EXPECT_EQ(message([] {}), "");
  EXPECT_EQ(message(full), "some/file: No space left on device");
  const std::string gone = message([&] {
    fs::remove_all(s.place / "run");
    s.save(10);
    full();
  });
  EXPECT_NE(gone.find("run: the folder was removed or replaced"), std::string::npos) << gone;
}

// The same with buffers of a fine-tuning: a state between two seeds, and one that holds the best epoch's weights.
TEST(States, CountersAloneAndTheBestWeights) {
  States s;
  save_state(s.folder.state_dir(1), {.step = 0, .progress = {{"seeds", 2}}}, {});
  EXPECT_TRUE(state_is_whole(s.folder.state_dir(1)));
  EXPECT_EQ(names(s.folder.state_dir(1)), std::set<std::string>{"state.json"});
  EXPECT_EQ(read_state(s.folder.state_dir(1)).progress.at("seeds"), 2);

  std::vector<float> best(size_t(s.model->params().length()), 0.5f), read{1, 2, 3};
  const StateBuffers held{.params = &s.model->params(), .optimizer = &*s.optimizer, .best = &best};
  save_state(s.folder.state_dir(2), {.step = 2}, held);
  const StateBuffers into{.params = &s.model->params(), .optimizer = &*s.optimizer, .best = &read};
  load_state(s.folder.state_dir(2), read_state(s.folder.state_dir(2)), into);
  EXPECT_EQ(read, best);
  s.save(3);
  load_state(s.folder.state_dir(3), read_state(s.folder.state_dir(3)), into);
  EXPECT_TRUE(read.empty()) << "a state without best weights leaves none";
  s.bend(2, "best.f32");
  EXPECT_THROW(load_state(s.folder.state_dir(2), read_state(s.folder.state_dir(2)), into), DamagedState);
}

TEST(SavePolicy, StopThrowsAndContinueSaysItOnce) {
  std::vector<std::string> said;
  const auto say = [&](const std::string& line) { said.push_back(line); };
  const auto fails = [] { fail_io("run/state: No space left on device"); };
  SavePolicy stop(OnSaveError::kStop, say);
  EXPECT_THROW(stop.attempt("state", fails), IoError);
  SavePolicy go_on(OnSaveError::kContinue, say);
  EXPECT_TRUE(go_on.attempt("state", [] {}));
  EXPECT_TRUE(said.empty());
  EXPECT_FALSE(go_on.attempt("state", fails));
  EXPECT_FALSE(go_on.attempt("state", fails));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("No space left"), std::string::npos);
  EXPECT_FALSE(go_on.retry_due());  // not at once
  EXPECT_TRUE(go_on.attempt("state", [] {}));
  ASSERT_EQ(said.size(), 2u);
  EXPECT_NE(said[1].find("written again"), std::string::npos);
  EXPECT_THROW(go_on.attempt("state", [] { fail("a fault of the program"); }), Error);
}

}  // namespace
}  // namespace encore::test
