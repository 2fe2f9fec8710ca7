// The profiler with a clock that the test moves: shares of time, time outside the ops, the trace and its bounds.
#include "train/profiler.h"

#include "tests/apps/program.h"

namespace encore::test {
namespace {

using nlohmann::json;

// Every reading advances the clock by half a second: an op takes 0.5 s, and 0.5 s pass before and after it.
struct Ticking {
  double t = 0;
  Profiler::Clock clock() {
    return [this] { return t += 0.5; };
  }
};

void zero(Backend& backend, int times) {
  std::vector<char> memory(3000);
  for (int i = 0; i < times; ++i) backend.fill_zero(memory.data(), memory.size());
}

double number_after(const std::string& text, const std::string& label) {
  const size_t at = text.find(label);
  EXPECT_NE(at, std::string::npos) << label << " in\n" << text;
  return at == std::string::npos ? -1 : std::stod(text.substr(at + label.size()));
}

TEST(ProfilerTest, PhasesOpsAndTheRestAddUpToTheTime) {
  Ticking ticking;
  Profiler profiler("", ticking.clock());
  const auto backend = profiler.wrap(make_backend("cpu", 1));
  zero(*backend, 1);  // outside all phases
  for (int i = 0; i < 3; ++i) {
    const Profiler::Phase phase(&profiler, "step");
    zero(*backend, i == 0 ? 5 : 2);
    const Profiler::Phase inner(&profiler, "not told apart");
    zero(*backend, 1);
  }
  { const Profiler::Phase phase(&profiler, "saving"); }
  const std::string text = profiler.report();
  // First step: six ops of two readings and one at the end: 6.5 s. The two others: three ops, 3.5 s each.
  EXPECT_DOUBLE_EQ(number_after(text, "  step "), 13.5) << text;
  EXPECT_DOUBLE_EQ(number_after(text, "  saving "), 0.5) << text;
  EXPECT_DOUBLE_EQ(number_after(text, "profile of "), ticking.t - 0.5) << text;
  EXPECT_DOUBLE_EQ(number_after(text, "everything else "), ticking.t - 0.5 - 13.5 - 0.5) << text;
  EXPECT_NE(text.find("step: 2 of 3.5 s after the first of 6.5 s"), std::string::npos) << text;
  EXPECT_DOUBLE_EQ(number_after(text, "fill_zero "), 3) << "calls a step\n" << text;
  EXPECT_DOUBLE_EQ(number_after(text, "3 x "), 1500) << "ms of fill_zero a step\n" << text;
  EXPECT_DOUBLE_EQ(number_after(text, "outside ops "), 2000) << text;
  EXPECT_EQ(text.find("not told apart"), std::string::npos) << text;
}

TEST(ProfilerTest, RatesAreWorkOverTime) {
  double t = 0;
  Profiler profiler("", [&] { return t += 1e-6; });
  const auto backend = profiler.wrap(make_backend("cpu", 1));
  std::vector<float> x(64 * 32), w(16 * 32), y(64 * 16);
  {
    const Profiler::Phase phase(&profiler, "step");
    linear_forward(*backend,
                   {.x = Tensor(x.data(), 64, 32), .w = Tensor(w.data(), 16, 32), .y = Tensor(y.data(), 64, 16)});
    zero(*backend, 1);
  }
  const std::string text = profiler.report();
  EXPECT_NE(text.find("65.5 GFLOP/s"), std::string::npos) << "2 x 64 x 16 x 32 in a microsecond\n" << text;
  EXPECT_NE(text.find("3.0 GB/s"), std::string::npos) << "3000 bytes in a microsecond\n" << text;
}

// A device that takes a quarter of a second for every call, and reports it only when it is asked for a time.
class Device : public ForwardingBackend {
 public:
  explicit Device(Backend& to)
      : ForwardingBackend(to, [this](const char*, const Call& call) { call(), time_ += 0.25; }) {}
  std::unique_ptr<Event> record_event() override {
    auto m = std::make_unique<At>();
    m->time = time_;
    return m;
  }
  double seconds_between(const Event& from, const Event& to) override {
    return static_cast<const At&>(to).time - static_cast<const At&>(from).time;
  }

 private:
  struct At : Event {
    double time = 0;
  };
  double time_ = 0;
};

TEST(ProfilerTest, WithoutAClockOfItsOwnItAsksTheBackendForTheTimesOfOps) {
  const auto cpu = make_backend("cpu", 1);
  Profiler profiler;
  const auto backend = profiler.wrap(std::make_unique<Device>(*cpu));
  zero(*backend, 1);  // outside all phases
  {
    const Profiler::Phase phase(&profiler, "step");
    zero(*backend, 3);
  }
  const json step = profiler.json()["step"];
  EXPECT_EQ(step["ops"]["fill_zero"], (json{{"calls", 3}, {"seconds", 0.75}, {"flops", 0.0}, {"bytes", 9000.0}}));
  EXPECT_EQ(step["count"], 1);
  EXPECT_LT(step["seconds"], 0.5) << "the phase is timed by the clock on the wall";
  const json trace = json::parse(profiler.trace())["traceEvents"];
  ASSERT_EQ(trace.size(), 4u);
  EXPECT_NEAR(trace[2]["ts"].get<double>() - trace[1]["ts"].get<double>(), trace[1]["dur"].get<double>(), 1);
}

TEST(ProfilerTest, TheTraceHoldsTheFirstPhasesAndTheirOps) {
  Ticking ticking;
  Profiler profiler("", ticking.clock());
  const auto backend = profiler.wrap(make_backend("cpu", 1));
  for (int i = 0; i < 20; ++i) {
    const Profiler::Phase phase(&profiler, "step");
    zero(*backend, 3);
  }
  const json trace = json::parse(profiler.trace());
  std::vector<json> steps, ops;
  for (const json& e : trace["traceEvents"]) {
    EXPECT_EQ(e["ph"], "X");
    (e["cat"] == "phase" ? steps : ops).push_back(e);
  }
  ASSERT_EQ(steps.size(), size_t(Profiler::kTraced));
  ASSERT_EQ(ops.size(), size_t(3 * Profiler::kTraced));
  for (size_t i = 0; i < ops.size(); ++i) {
    const json &op = ops[i], &step = steps[i / 3];
    EXPECT_EQ(op["name"], "fill_zero");
    EXPECT_EQ(op["dur"], 5e5);
    EXPECT_DOUBLE_EQ(op["args"]["GB/s"], 3000 / 0.5 * 1e-9);
    EXPECT_GT(op["ts"].get<double>(), step["ts"].get<double>());
    EXPECT_LT(op["ts"].get<double>() + 5e5, step["ts"].get<double>() + step["dur"].get<double>());
  }
}

TEST(ProfilerTest, WithoutOneAPhaseIsNothing) {
  const Profiler::Phase phase(nullptr, "step");
}

TEST(ProfileProgramTest, TrainingPrintsOpsAndWritesATrace) {
  const TinyWorkplace place;
  const std::string trace = place / "trace.json";
  const Outcome o = run({program("dapt_train"),
                         "--model",
                         place.model(),
                         "--train",
                         place.train(),
                         "--output",
                         place / "run",
                         "--max-steps",
                         "4",
                         "--batch-sequences",
                         "4",
                         "--seq-length",
                         "64",
                         "--cache-dir",
                         place.cache(),
                         "--threads",
                         "1",
                         "--device",
                         "cpu",
                         "--profile",
                         "--trace",
                         trace});
  ASSERT_EQ(o.code, 0) << o.err;
  const size_t at = o.out.find("\nprofile of ");
  ASSERT_NE(at, std::string::npos) << o.out;
  const std::string text = o.out.substr(at);
  for (const char* part :
       {"step: 3 of", "evaluation: ", "saving: ", "everything else", "linear_backward_weight", "adamw",
        "attention_backward", "GFLOP/s", "GB/s", "outside ops", "sum_of_squares", "fill_zero"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  const json events = json::parse(read_text(trace))["traceEvents"];
  EXPECT_GT(events.size(), 4 * 40u);

  // Without a profile the same flags print no profile and give the same weights.
  const Outcome plain = run({program("dapt_train"), "--model", place.model(), "--train", place.train(), "--output",
                             place / "plain", "--max-steps", "4", "--batch-sequences", "4", "--seq-length", "64",
                             "--cache-dir", place.cache(), "--threads", "1", "--device", "cpu"});
  ASSERT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(plain.out.find("profile of"), std::string::npos);
  EXPECT_TRUE(read_text(place / "run/model/last/model.safetensors") ==
              read_text(place / "plain/model/last/model.safetensors"));
}

TEST(ProfileProgramTest, AFolderThatIsMissingIsRefused) {
  const TinyWorkplace place;
  const Outcome o = run({program("dapt_train"), "--model", place.model(), "--train", place.train(), "--output",
                         place / "run", "--trace", place / "nowhere/trace.json"});
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.out, "");
  EXPECT_NE(o.err.find("--trace"), std::string::npos) << o.err;
  EXPECT_FALSE(fs::exists(place / "run"));
}

TEST(ProfileProgramTest, FinetuneAndPredictProfileToo) {
  const TinyWorkplace place;
  std::string rows;
  for (int i = 0; i < 12; ++i)
    rows += json{{"text", i % 2 ? "the cat eats some bread." : "a dog chases the mouse."}, {"label", i % 2 ? "a" : "b"}}
                .dump() +
            "\n";
  write_text(place / "rows.jsonl", rows);
  const Outcome tuned = run({program("finetune"), "--model", place.model(), "--train", place / "rows.jsonl", "--dev",
                             place / "rows.jsonl", "--output", place / "task", "--epochs", "2", "--batch-size", "4",
                             "--threads", "1", "--device", "cpu", "--profile"});
  ASSERT_EQ(tuned.code, 0) << tuned.err;
  EXPECT_NE(tuned.out.find("step: 5 of"), std::string::npos) << tuned.out;
  EXPECT_NE(tuned.out.find("adamw"), std::string::npos) << tuned.out;
  const Outcome predicted = run({program("predict"), "--model", place / "task/model", "--data", place / "rows.jsonl",
                                 "--threads", "1", "--device", "cpu", "--profile"});
  ASSERT_EQ(predicted.code, 0) << predicted.err;
  EXPECT_NE(predicted.err.find("prediction: one of"), std::string::npos) << predicted.err;
  std::istringstream lines(predicted.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_TRUE(json::parse(line).contains("label"));
  EXPECT_EQ(count, 12) << "standard output holds predictions alone";
}

}  // namespace
}  // namespace encore::test
