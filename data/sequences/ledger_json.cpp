#include "data/sequences/ledger_json.h"

#include <utility>

#include "kernels/base/check.h"

namespace encore {
namespace {

constexpr std::pair<const char*, int64_t Ledger::*> kCounts[] = {
    {"documents_in", &Ledger::documents_in},
    {"documents_train", &Ledger::documents_train},
    {"documents_held_out", &Ledger::documents_held_out},
    {"documents_empty", &Ledger::documents_empty},
    {"tokens_in", &Ledger::tokens_in},
    {"tokens_train", &Ledger::tokens_train},
    {"tokens_held_out", &Ledger::tokens_held_out},
    {"tokens_truncated", &Ledger::tokens_truncated},
    {"tokens_repeated", &Ledger::tokens_repeated},
    {"specials_added", &Ledger::specials_added},
    {"sequences_train", &Ledger::sequences_train},
    {"examples_train", &Ledger::examples_train},
    {"sequences_held_out", &Ledger::sequences_held_out},
    {"examples_held_out", &Ledger::examples_held_out},
};

}  // namespace

nlohmann::json to_json(const Ledger& ledger) {
  nlohmann::json out = {{"files", nlohmann::json::array()}};
  for (const Ledger::File& f : ledger.files)
    out["files"].push_back({{"path", f.path}, {"documents", f.documents}, {"bytes", f.bytes}});
  for (const auto& [name, count] : kCounts) out[name] = ledger.*count;
  return out;
}

Ledger ledger_from_json(const nlohmann::json& json, const std::string& file) {
  Ledger ledger;
  const auto count = [&](const nlohmann::json& from, const char* name) {
    check(from.is_object() && from.contains(name) && from[name].is_number_integer(), "{}: \"{}\" is no whole number",
          file, name);
    return from[name].get<int64_t>();
  };
  for (const auto& [name, member] : kCounts) ledger.*member = count(json, name);
  check(json.contains("files") && json["files"].is_array(), "{}: \"files\" is no list", file);
  for (const auto& f : json["files"]) {
    check(f.is_object() && f.contains("path") && f["path"].is_string(), "{}: a file without \"path\"", file);
    ledger.files.push_back(
        {.path = f["path"].get<std::string>(), .documents = count(f, "documents"), .bytes = count(f, "bytes")});
  }
  return ledger;
}

}  // namespace encore
