// The whole program vampire_train: what it writes, stopped, killed and resumed to the same bits, full disks, bad input.
#include <algorithm>
#include <set>
#include <thread>

#include "tests/apps/program.h"

namespace encore::test {
namespace {

using nlohmann::json;

constexpr int kEpochs = 4, kDocuments = 301, kBatch = 20;  // the last batch of an epoch would hold one document
const std::vector<std::vector<std::string>> kGroups = {
    {"kinase", "protein", "receptor", "enzyme", "binding", "membrane", "peptide", "ligand", "substrate", "domain"},
    {"network", "training", "gradient", "layer", "neuron", "weight", "batch", "epoch", "tensor", "loss"},
    {"senate", "election", "minister", "party", "voter", "campaign", "policy", "mayor", "budget", "treaty"}};

// A text a line, each of one group of words.
std::string grouped_text(int texts, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string all;
  for (int d = 0; d < texts; ++d) {
    const auto& words = kGroups[random() % kGroups.size()];
    for (int w = 0; w < 6 + int(random() % 10); ++w) all += words[random() % words.size()] + " ";
    all += "common\n";
  }
  return all;
}

std::vector<json> log_of(const std::string& folder) {
  std::vector<json> lines;
  std::istringstream in(read_text(folder + "/log.jsonl"));
  for (std::string line; std::getline(in, line);) {
    lines.push_back(json::parse(line));
    for (const char* clock : {"seconds", "documents_per_second", "eval_seconds", "epoch_seconds"})
      lines.back().erase(clock);
  }
  return lines;
}

class VampireTrain : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    place_ = new TemporaryFolder;
    write_text(*place_ / "train.txt", grouped_text(kDocuments, 1));
    write_text(*place_ / "dev.txt", grouped_text(60, 2));
    whole_ = *place_ / "whole";
    const Outcome o = run(command(whole_));
    ASSERT_EQ(o.code, 0) << o.err;
    whole_out_ = o.out;
  }
  static void TearDownTestSuite() { delete place_; }

  static Words command(const std::string& output, const Words& more = {}) {
    return Words{program("vampire_train"),
                 "--train",
                 *place_ / "train.txt",
                 "--dev",
                 *place_ / "dev.txt",
                 "--output",
                 output,
                 "--cache-dir",
                 *place_ / "cache",
                 "--epochs",
                 std::to_string(kEpochs),
                 "--batch-documents",
                 std::to_string(kBatch),
                 "--lr",
                 "0.01",
                 "--latent",
                 "6",
                 "--hidden",
                 "6",
                 "--threads",
                 "1",
                 "--device",
                 "cpu",
                 "--patience",
                 "0",
                 "--kl-schedule",
                 "constant"} +
           more;
  }
  static void expect_same_bits(const std::string& folder) {
    for (const char* file : {"/model/best/model.safetensors", "/model/last/model.safetensors", "/model/best/bags.json",
                             "/topics.json", "/vocabulary.json"})
      EXPECT_EQ(read_text(folder + file), read_text(whole_ + file)) << file;
    EXPECT_EQ(log_of(folder), log_of(whole_));
    const std::string last = fmt::format("/state/step-{}/", last_step());
    for (const char* file : {"adam_m.f32", "adam_v.f32", "running_mean.f32", "running_variance.f32"})
      EXPECT_EQ(read_text(folder + last + file), read_text(whole_ + last + file)) << file;
  }
  static int64_t last_step() { return kEpochs * int64_t(kDocuments / kBatch); }
  static void expect_refused(const Words& words, const std::string& part, const std::string& output) {
    const Outcome o = run(words);
    EXPECT_EQ(o.code, 2) << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_NE(o.err.find(part), std::string::npos) << o.err;
    EXPECT_FALSE(fs::exists(output)) << o.err;
  }
  // Without the flag and its value.
  static Words without(Words words, const std::string& flag) {
    const auto at = std::find(words.begin(), words.end(), flag);
    words.erase(at, at + 2);
    return words;
  }

  static TemporaryFolder* place_;
  static std::string whole_, whole_out_;
};
TemporaryFolder* VampireTrain::place_ = nullptr;
std::string VampireTrain::whole_, VampireTrain::whole_out_;

TEST_F(VampireTrain, WritesTheRunFolder) {
  for (const char* part : {"train: 301 documents", "dev: 60 documents", "vocabulary: 31 words", "epoch 1/4", "NPMI",
                           "topics of epoch", "model/best"})
    EXPECT_NE(whole_out_.find(part), std::string::npos) << part << whole_out_;
  const std::vector<json> log = log_of(whole_);
  ASSERT_EQ(log.size(), size_t(last_step() + kEpochs));
  std::vector<json> epochs;
  int64_t documents = 0, largest = 0;
  for (const json& line : log) {
    if (line.contains("eval_loss")) {
      epochs.push_back(line);
      // Every document once an epoch; the one that was left joined the batch before.
      EXPECT_EQ(documents, kDocuments);
      EXPECT_EQ(largest, kBatch + 1);
      documents = largest = 0;
    } else {
      documents += line.at("documents").get<int64_t>();
      largest = std::max(largest, line.at("documents").get<int64_t>());
    }
  }
  ASSERT_EQ(epochs.size(), size_t(kEpochs));
  EXPECT_LT(epochs.back().at("epoch_loss").get<double>(), epochs.front().at("epoch_loss").get<double>());
  const json topics = json::parse(read_text(whole_ + "/topics.json"));
  double best = -2;
  int64_t best_epoch = 0;
  for (const json& epoch : epochs)
    if (const double npmi = epoch.at("eval_npmi_standard"); npmi > best) {
      best = npmi;
      best_epoch = epoch.at("epoch");
    }
  EXPECT_EQ(topics.at("epoch").get<int64_t>(), best_epoch);
  EXPECT_EQ(topics.at("npmi_standard").get<double>(), best);
  ASSERT_EQ(topics.at("topics").size(), 6u);
  EXPECT_EQ(topics.at("topics")[0].at("words").size(), 20u);
  for (const char* file : {"config.json", "report.html", "vocabulary.json", "model/last/config.json"})
    EXPECT_TRUE(fs::exists(whole_ + "/" + file)) << file;
}

// A model that has learned finds words of one group; ten words drawn from all of them go together less.
TEST_F(VampireTrain, FindsTheGroups) {
  const std::string folder = *place_ / "learned";
  const Outcome o = run(command(folder, {"--epochs", "40", "--kl-schedule", "linear"}));
  ASSERT_EQ(o.code, 0) << o.err;
  const json topics = json::parse(read_text(folder + "/topics.json"));
  EXPECT_GT(topics.at("npmi_standard").get<double>(), 0.2) << o.out;
}

TEST_F(VampireTrain, ThePageListsTheTopics) {
  const std::string page = read_text(whole_ + "/report.html");
  const json topics = json::parse(read_text(whole_ + "/topics.json"));
  for (const json& word : topics.at("topics")[0].at("words"))
    EXPECT_NE(page.find(word.get<std::string>()), std::string::npos) << word;
  EXPECT_NE(page.find("NPMI"), std::string::npos);
  const Outcome two = run({program("report"), whole_, whole_, "--output", *place_ / "two.html"});
  EXPECT_EQ(two.code, 0) << two.err;
}

TEST_F(VampireTrain, StoppedBySignalsAndResumedIsTheSameRun) {
  const std::string folder = *place_ / "stopped";
  int stops = 0;
  for (int attempt = 0; attempt < 80; ++attempt) {
    Process process(attempt == 0 ? command(folder) : Words{program("vampire_train"), "--output", folder, "--resume"});
    const size_t before = fs::exists(folder + "/log.jsonl") ? size_t(fs::file_size(folder + "/log.jsonl")) : 0;
    const auto bytes = [&] { return fs::exists(folder + "/log.jsonl") ? fs::file_size(folder + "/log.jsonl") : 0; };
    while (process.running() && bytes() < before + 500 + size_t(attempt) * 150)
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    process.send(SIGTERM);
    const Outcome o = process.wait();
    if (o.code == 0) break;
    ASSERT_EQ(o.code, 75) << o.out << o.err;
    stops += o.out.find("--resume") != std::string::npos;
  }
  EXPECT_GE(stops, 2);
  expect_same_bits(folder);
}

TEST_F(VampireTrain, KilledAndResumedIsTheSameRun) {
  const std::string folder = *place_ / "killed";
  for (int attempt = 0; attempt < 5; ++attempt) {
    Process process(command(folder, Words{"--save-every", "3"} + (attempt ? Words{"--resume"} : Words())));
    const auto bytes = [&] { return fs::exists(folder + "/log.jsonl") ? fs::file_size(folder + "/log.jsonl") : 0; };
    for (int wait = 0; process.running() && wait < 5000 && bytes() < 2500u * unsigned(attempt + 1); ++wait)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    process.send(SIGKILL);
    process.wait();
  }
  const Outcome o = run({program("vampire_train"), "--output", folder, "--resume"});
  ASSERT_EQ(o.code, 0) << o.err;
  expect_same_bits(folder);
  // A run that is complete stays so.
  const Outcome again = run({program("vampire_train"), "--output", folder, "--resume"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.out.find("topics of epoch"), std::string::npos) << again.out;
  expect_same_bits(folder);
}

TEST_F(VampireTrain, AnotherRunIsNotContinued) {
  const std::string folder = *place_ / "other";
  fs::copy(whole_, folder, fs::copy_options::recursive);
  const auto refused = [&](const Words& more, const std::string& part) {
    const Outcome o = run(Words{program("vampire_train"), "--output", folder, "--resume"} + more);
    EXPECT_EQ(o.code, 2) << o.out << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_NE(o.err.find(part), std::string::npos) << o.err;
  };
  refused({"--lr", "0.5"}, "--lr 0.5 (");
  refused({"--train", *place_ / "dev.txt", "--dev", *place_ / "train.txt"}, "training data");
  const std::string words = read_text(folder + "/vocabulary.json");
  json edited = json::parse(words);
  edited["occurrences"][1] = edited["occurrences"][1].get<int64_t>() + 1;
  write_text(folder + "/vocabulary.json", edited.dump());
  refused({}, "vocabulary");
  write_text(folder + "/vocabulary.json", words);
  EXPECT_EQ(run({program("vampire_train"), "--output", folder, "--resume"}).code, 0);
}

TEST_F(VampireTrain, PresetsCanBeOverridden) {
  const std::string folder = *place_ / "preset";
  const Outcome o = run(command(folder, {"--preset", "vampire-dsp", "--tfidf=false", "--max-hours", "1e-7"}));
  ASSERT_EQ(o.code, 0) << o.err;
  const json config = json::parse(read_text(folder + "/config.json"));
  EXPECT_EQ(config.at("tfidf"), false);
  EXPECT_EQ(config.at("kl-clamp"), 1000);
  EXPECT_EQ(config.at("kl-counting"), "allennlp");
  EXPECT_EQ(config.at("batch-documents"), kBatch);
}

TEST_F(VampireTrain, HeldOutTextIsTheSameForEverySeedAndSaid) {
  std::set<std::string> counts;
  for (const char* seed : {"1", "2"}) {
    const std::string folder = *place_ / ("held" + std::string(seed));
    const Outcome o = run(without(command(folder, {"--seed", seed, "--epochs", "1", "--held-out", "0.2"}), "--dev"));
    ASSERT_EQ(o.code, 0) << o.err;
    const size_t at = o.out.find("\ndev: ");
    ASSERT_NE(at, std::string::npos) << o.out;
    counts.insert(o.out.substr(at, o.out.find('\n', at + 1) - at));
    EXPECT_NE(o.out.find("held out of --train by hash"), std::string::npos) << o.out;
  }
  EXPECT_EQ(counts.size(), 1u);
}

TEST_F(VampireTrain, BadInputIsRefusedInOneLine) {
  const std::string output = *place_ / "never";
  const auto with_text = [&](const std::string& train, const std::string& dev) {
    write_text(*place_ / "a.txt", train);
    write_text(*place_ / "b.txt", dev);
    return without(without(command(output), "--train"), "--dev") +
           Words{"--train", *place_ / "a.txt", "--dev", *place_ / "b.txt"};
  };
  const std::string good = grouped_text(20, 3);
  expect_refused(with_text("", good), "a.txt", output);
  expect_refused(with_text("\n\n", "\n"), "the vocabulary has no word", output);
  expect_refused(with_text("kinase kinase kinase kinase\nkinase\n", "kinase\n"), "one word, 'kinase'", output);
  expect_refused(with_text(good, "p53 12 the of\n"), "the dev text has no document with known words", output);
  expect_refused(with_text("kinase protein enzyme ligand kinase\nkinase\n", good), "two are needed", output);
  expect_refused(command(output, {"--batch-documents", "1"}), "--batch-documents", output);
  expect_refused(without(command(output), "--dev") + Words{"--dev", *place_ / "train.txt"}, "is a file of --train",
                 output);
  expect_refused(without(command(output), "--dev") + Words{"--held-out", "0"}, "--held-out 0 needs --dev", output);
  expect_refused(without(command(output), "--train"), "--train", output);
}

}  // namespace
}  // namespace encore::test
