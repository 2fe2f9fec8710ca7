#include "train/rank_checks.h"

#include <fmt/format.h>

#include <set>

#include "kernels/base/check.h"
#include "train/file_digest.h"

namespace encore {
namespace {

constexpr const char* kNone = "none";  // the value of a field that a rank lacks

// What a rank has otherwise than rank 0; empty: nothing.
std::string rank_differences(RunDigest first, RunDigest other) {
  for (const auto& [field, value] : first) other.try_emplace(field, kNone);
  for (const auto& [field, value] : other) first.try_emplace(field, kNone);
  return differences(other, first, "rank 0");
}

}  // namespace

void check_ranks_agree(const RunDigest& mine, Communicator& comm) {
  if (comm.size() == 1) return;
  std::string message;
  const std::string text = nlohmann::json(mine).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const std::vector<std::string> all = comm.gather(text);
  for (size_t rank = 1; rank < all.size() && message.empty(); ++rank) {
    const std::string different = rank_differences(mine, nlohmann::json::parse(all[rank]).get<RunDigest>());
    if (!different.empty()) message = fmt::format("rank {} does not see what rank 0 sees: {}", rank, different);
  }
  message = text_of_root(std::move(message), comm);
  check(message.empty(), "{}: give every rank the same flags, files and program", message);
}

RunDigest flags_of_ranks(const nlohmann::json& config) {
  static const std::set<std::string> kOwn = {"model", "train",   "eval",   "dev",     "test",   "data",    "cache-dir",
                                             "trace", "profile", "config", "threads", "preset", "defaults"};
  std::vector<std::string> names;
  for (const auto& [flag, value] : config.items())
    if (!kOwn.contains(flag)) names.push_back(flag);
  RunDigest digest;
  add_flags(digest, config, names);
  return digest;
}

RunDigest flags_of_ranks(const OutputSpec& output) {
  RunDigest digest = flags_of_ranks(output.config);
  digest["--resume"] = output.resume ? "true" : "false";
  digest["--resume-from"] = output.resume_from;
  return digest;
}

void check_ranks_end(Communicator& comm) {
  check_ranks_agree({{"stage", "the end"}}, comm);
}

void check_ranks_start(RunDigest flags, const EncoderConfig& config, const Tokenizer* tokenizer, Communicator& comm) {
  if (comm.size() == 1) return;
  add_model(flags, config);
  // The file says more than a version: two builds of one version may compute otherwise.
  flags["program file"] = digest_text(sample_digest({"/proc/self/exe"}));
  if (tokenizer) flags[kTokenizerField] = digest_text(tokenizer->fingerprint());
  check_ranks_agree(flags, comm);
}

void check_rank_files(const RankFiles& files, Communicator& comm) {
  if (comm.size() == 1) return;
  check_ranks_agree({{"precision of activations", std::string(name_of(files.dtype))},
                     {kWeightsField, digest_text(sample_digest(weight_files(files.model_dir)))},
                     {kTrainField, digest_text(sample_digest(files.train))},
                     {kEvalField, digest_text(sample_digest(files.eval))}},
                    comm);
}

}  // namespace encore
