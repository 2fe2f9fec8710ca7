// A resumed run is the run that was stopped, or it is refused by name: flags, model, tokenizer, text and log.
#include <sys/stat.h>
#include <zlib.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/apps/program.h"

namespace encore::test {
namespace {

using nlohmann::json;

class Resumed : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    place_ = new TinyWorkplace(0.1f, 60);
    run_ = *place_ / "run";
    const Outcome o = run(command(run_) + Words{"--save-every", "2", "--keep", "9"});
    ASSERT_EQ(o.code, 0) << o.err;
    fs::remove_all(run_ + "/state/step-6");  // it stopped after step 4
  }
  static void TearDownTestSuite() {
    delete place_;
    place_ = nullptr;
  }
  void SetUp() override {
    copy_ = *place_ / "copy";
    fs::remove_all(copy_);
    fs::copy(run_, copy_, fs::copy_options::recursive);
  }
  static Words command(const std::string& output) { return small_training(*place_, output, 6); }
  Outcome resume(const Words& more = {}) {
    return run(Words{program("dapt_train"), "--resume", "--output", copy_} + more);
  }
  // Refused in one line with these parts; the log and the states are as they were.
  void expect_refused(const Words& parts, const Words& more = {}) {
    const std::string log = read_text(copy_ + "/log.jsonl");
    const Outcome o = resume(more);
    EXPECT_EQ(o.code, 2) << o.out << o.err;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    for (const std::string& part : parts) EXPECT_NE(o.err.find(part), std::string::npos) << part << ": " << o.err;
    EXPECT_EQ(read_text(copy_ + "/log.jsonl"), log);
    EXPECT_TRUE(fs::exists(copy_ + "/state/step-4"));
  }
  void edit_config(const std::function<void(json&)>& edit) { edit_json(copy_ + "/config.json", edit); }
  static void edit_json(const std::string& file, const std::function<void(json&)>& edit) {
    json read = json::parse(read_text(file));
    edit(read);
    write_text(file, read.dump(2) + "\n");
  }
  static void write_state(const std::string& file, const json& state) {
    const std::string text = state.dump();
    const auto crc = uint32_t(::crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size()));
    write_text(file, json{{"state", state}, {"crc32", fmt::format("{:08x}", crc)}}.dump(1) + "\n");
  }
  // A copy of the model, without checksums, for a change.
  std::string other_model() {
    const std::string dir = *place_ / "other-model";
    fs::remove_all(dir);
    fs::copy(place_->model(), dir, fs::copy_options::recursive);
    return dir;
  }

  static TinyWorkplace* place_;
  static std::string run_;
  std::string copy_;
};
TinyWorkplace* Resumed::place_ = nullptr;
std::string Resumed::run_;

TEST_F(Resumed, AnEditedConfigIsRefusedByFieldWithBothValues) {
  const struct {
    const char* flag;
    json value;
    const char* saved;
  } cases[] = {{"lr", 2e-3, "0.0001"},
               {"seed", 43, "42"},
               {"masking", "whole-word", "token"},
               {"batch-sequences", 8, "4"},
               {"mask-share", 0.5, "0.8"},
               {"tokens-per-batch", 512, "256"},
               {"max-steps", 7, "6"},
               {"schedule", "cosine", "linear"}};
  for (const auto& c : cases) {
    SetUp();
    edit_config([&](json& config) { config[c.flag] = c.value; });
    const std::string value = c.value.is_string() ? c.value.get<std::string>() : c.value.dump();
    expect_refused({std::string("--") + c.flag + " " + value, std::string("has ") + c.saved, "state/step-4"});
  }
  SetUp();
  edit_config([](json& config) { config.erase("lr"), config["clip"] = 7; });
  expect_refused({"--clip 7", "(", "has 1"});
}

TEST_F(Resumed, AnotherModelIsRefusedByField) {
  const std::string dir = other_model();
  edit_json(dir + "/config.json", [](json& c) { c["layer_norm_eps"] = 1e-3, c["hidden_dropout_prob"] = 0.3; });
  expect_refused(
      {"layer_norm_eps of config.json 0.001", "has 1e-05", "hidden_dropout_prob of config.json 0.3", "has 0.1"},
      {"--model", dir});
  const std::string weights = other_model();
  const EncoderConfig config = load_config(weights);
  const auto backend = make_backend("cpu", 1);
  const auto model = make_mlm(config, *backend, DType::kF32, Mode::kInference);
  model->params().initialise(99, 0.02f);
  save_model(weights, *model);
  expect_refused({"weights of --model", "has "}, {"--model", weights});
  // The weights are in the state: a model that has lost its own is no hindrance.
  fs::remove(weights + "/model.safetensors");
  const Outcome o = resume({"--model", weights});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("cannot be compared"), std::string::npos) << o.out;
}

TEST_F(Resumed, AnotherTextIsRefused) {
  write_text(*place_ / "other.txt", tiny_corpus(60, 5));
  expect_refused({"training data", "has "}, {"--train", *place_ / "other.txt"});
  expect_refused({"evaluation data", "has "}, {"--eval", *place_ / "other.txt"});
  // The same text under another name is the same text.
  write_text(*place_ / "moved.txt", read_text(place_->train()));
  EXPECT_EQ(resume({"--train", *place_ / "moved.txt"}).code, 0);
}

TEST_F(Resumed, AnEditedLogIsFoundBeforeItIsCut) {
  const std::string path = copy_ + "/log.jsonl", log = read_text(path);
  std::string edited = log;
  edited[edited.find("\"loss\":") + 7] = '9';
  write_text(path, edited);
  expect_refused({"log.jsonl", "was edited"});
  write_text(path, log + "this step was odd\n");
  expect_refused({"log.jsonl", "this step was odd", "no line of the run"});
  write_text(path, log + "a note without a line end");
  expect_refused({"log.jsonl", "a note without", "no line of the run"});
  write_text(path, log.substr(0, 100));
  expect_refused({"log.jsonl", "it was cut"});
  // What a kill leaves: a torn last line.
  write_text(path, log + "{\"step\":7,\"lo");
  EXPECT_EQ(resume().code, 0);
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), std::ranges::count(read_text(path), '\n'));
}

// Neither waits for a writer that never comes, nor goes down a hundred thousand levels.
TEST_F(Resumed, FilesOfARunThatAreNoneAreRefusedAtOnce) {
  for (const char* file :
       {"config.json", "ledger.json", "log.jsonl", "state/step-4/state.json", "state/step-4/adam_m.f32"}) {
    SetUp();
    const std::string path = copy_ + "/" + file;
    fs::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const bool replaced = file == std::string("ledger.json");  // by the run itself, as every time
    if (!replaced) {
      const Outcome o = run({"timeout", "-s", "KILL", "20", program("dapt_train"), "--resume", "--output", copy_});
      EXPECT_EQ(o.code, 2) << file << o.err;
      EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    }
    if (std::string(file).starts_with("state")) continue;
    const Outcome page =
        run({"timeout", "-s", "KILL", "20", program("report"), copy_, "--output", *place_ / "page.html"});
    EXPECT_EQ(page.code, 2) << file << page.err;
    EXPECT_NE(page.err.find(file), std::string::npos) << page.err;
  }
  SetUp();
  const size_t deep = 100000;
  edit_config([](json& config) { config["zzz"] = 0; });
  std::string text = read_text(copy_ + "/config.json");
  text.replace(text.find("\"zzz\": 0"), 8, "\"zzz\": " + std::string(deep, '[') + std::string(deep, ']'));
  write_text(copy_ + "/config.json", text);
  EXPECT_EQ(resume().code, 2);
}

// As a run before its first state: no digest can be compared, but its log is its own.
TEST_F(Resumed, ARunWithoutAStateBeginsAnewUnlessItsLogWasEdited) {
  fs::remove_all(copy_ + "/state");
  write_text(copy_ + "/log.jsonl", read_text(copy_ + "/log.jsonl") + "a note\n");
  EXPECT_EQ(resume().code, 2);
  write_text(copy_ + "/log.jsonl", read_text(run_ + "/log.jsonl"));
  EXPECT_EQ(resume().code, 0);
}

// A state of version 1 has three fingerprints, and continues with a note.
TEST_F(Resumed, AStateOfAnEarlierVersionContinuesWithANote) {
  const std::string file = copy_ + "/state/step-4/state.json";
  json state = json::parse(read_text(file)).at("state");
  state["version"] = 1;
  state["train_fingerprint"] = state["digest"]["training data"];
  state["eval_fingerprint"] = state["digest"]["evaluation data"];
  state["model_fingerprint"] = state["digest"]["shape of the parameters"];
  state["log_bytes"] = state["log"]["bytes"];
  state["events_bytes"] = state["events"]["bytes"];
  for (const char* key : {"digest", "log", "events"}) state.erase(key);
  write_state(file, state);
  const Outcome o = resume();
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("note: the state was saved by an earlier version"), std::string::npos) << o.out;
  EXPECT_TRUE(read_text(copy_ + "/model/last/model.safetensors") == read_text(run_ + "/model/last/model.safetensors"));
}

// The flags' names of before stand in the config.json of an older run.
TEST_F(Resumed, AConfigWithOlderNamesOfFlagsIsTheSameRun) {
  const auto rename = [](json& flags) {
    for (const auto& [name, older] :
         {std::pair("dev", "eval"), {"batch-sequences", "batch-size"}, {"seq-length", "max-length"}}) {
      ASSERT_TRUE(flags.contains(name)) << name;
      flags[older] = flags[name];
      flags.erase(name);
    }
  };
  edit_config([&](json& config) {
    rename(config);
    rename(config["defaults"]);
    config["batch-size"] = 8;
  });
  const Outcome edited = resume();
  EXPECT_EQ(edited.code, 2);
  EXPECT_NE(edited.err.find("--batch-sequences 8"), std::string::npos) << edited.err;
  edit_config([](json& config) { config["batch-size"] = 4; });
  const Outcome o = resume();
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_TRUE(read_text(copy_ + "/model/last/model.safetensors") == read_text(run_ + "/model/last/model.safetensors"));
}

// A forged state must not make the run cut a file elsewhere.
TEST_F(Resumed, AStateNamesNoFileOutsideOfTheRun) {
  write_text(*place_ / "precious", "of the user\n");
  const std::string file = copy_ + "/state/step-4/state.json";
  json state = json::parse(read_text(file)).at("state");
  state["events_file"] = "../precious";
  state["events"]["bytes"] = 0;
  state["events"]["crc32"] = "00000000";
  write_state(file, state);
  EXPECT_EQ(resume().code, 2);
  EXPECT_EQ(read_text(*place_ / "precious"), "of the user\n");
}

// A state that was copied here from another run is not offered in place of a damaged one.
TEST_F(Resumed, ADamagedStateOffersNoStateOfAnotherRun) {
  const std::string other = *place_ / "other-run";
  fs::remove_all(other);
  ASSERT_EQ(run(command(other) + Words{"--seed", "5", "--max-steps", "3"}).code, 0);
  fs::copy(other + "/state/step-3", copy_ + "/state/step-3", fs::copy_options::recursive);
  fs::remove_all(copy_ + "/state/step-2");
  const std::string weights = copy_ + "/state/step-4/weights.f32";
  fs::resize_file(weights, fs::file_size(weights) - 4);
  const Outcome o = resume();
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err.find("step-3"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("no other state is whole"), std::string::npos) << o.err;
}

TEST_F(Resumed, SeedsAndStepCountsAreExactOrRefused) {
  const std::string output = *place_ / "seeds";
  const Words few{"--max-steps", "1"};
  for (const char* seed : {"9007199254740991", "9007199254740992"}) {
    fs::remove_all(output);
    ASSERT_EQ(run(command(output) + few + Words{"--seed", seed}).code, 0);
    EXPECT_EQ(json::parse(read_text(output + "/config.json")).at("seed").dump(), seed);
    EXPECT_EQ(run({program("dapt_train"), "--resume", "--output", output}).code, 0);
  }
  fs::remove_all(output);
  for (const char* seed : {"9007199254740993", "9223372036854775807", "18446744073709551615", "1e16", "-1"}) {
    EXPECT_EQ(run(command(output) + few + Words{"--seed", seed}).code, 2) << seed;
    write_text(*place_ / "flags.json", std::string("{\"seed\": ") + seed + "}");
    EXPECT_EQ(run(command(output) + few + Words{"--config", *place_ / "flags.json"}).code, 2) << seed;
  }
  const Outcome o = run(command(output) + Words{"--max-steps", "1099511627776", "--batch-sequences", "16777216"});
  EXPECT_EQ(o.code, 2) << o.err;
  EXPECT_NE(o.err.find("--max-steps"), std::string::npos) << o.err;
  EXPECT_FALSE(fs::exists(output));
}

// Latin-1 names, and names with a line end.
TEST_F(Resumed, AnyPathOfTheSystemServes) {
  for (const std::string& name : {std::string("M\xfcller 100%"), std::string("two\nlines")}) {
    const std::string folder = *place_ / name;
    fs::create_directories(folder);
    for (const char* file : {"train.txt", "eval.txt"}) fs::copy(*place_ / file, folder + "/" + file);
    fs::copy(place_->model(), folder + "/model", fs::copy_options::recursive);
    Words words = command(folder + "/run") + Words{"--model", folder + "/model", "--eval", folder + "/eval.txt"} +
                  Words{"--max-steps", "2"};
    for (std::string& word : words)
      if (word == place_->train()) word = folder + "/train.txt";
    const Outcome o = run(words);
    ASSERT_EQ(o.code, 0) << o.err;
    for (const char* line : {"\nmodel: ", "steps of "}) {
      const size_t at = o.out.find(line);
      ASSERT_NE(at, std::string::npos) << o.out;
      EXPECT_NE(o.out.substr(at + 1, o.out.find('\n', at + 1) - at).find("/run"), std::string::npos) << o.out;
    }
    const json config = json::parse(read_text(folder + "/run/config.json"));
    fs::remove_all(folder + "/run/state");
    const Outcome again = run({program("dapt_train"), "--resume", "--output", folder + "/run"});
    EXPECT_EQ(again.code, 0) << again.err;
    EXPECT_EQ(json::parse(read_text(folder + "/run/config.json")), config);
    const Outcome refused = run(words);
    EXPECT_EQ(refused.code, 2);
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
  }
}

}  // namespace
}  // namespace encore::test
