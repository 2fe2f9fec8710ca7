#include "data/tokenizer/tokenizer_data.h"

#include <algorithm>

#include "data/tokenizer/fingerprint.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

void place_added(TokenizerData& data, const TokenizerParts& parts) {
  std::vector<AddedToken> placed;
  std::vector<AddedToken> by_id = parts.added;
  // Those without an id come last, in their order.
  std::stable_sort(by_id.begin(), by_id.end(),
                   [](const AddedToken& a, const AddedToken& b) { return uint32_t(a.id) < uint32_t(b.id); });
  for (AddedToken added : by_id) {
    const int32_t known = data.vocabulary.find(added.content);
    if (known >= 0) {
      check(added.id < 0 || added.id == known, "{}: added token \"{}\" has id {}, the vocabulary says {}", parts.source,
            added.content, added.id, known);
      added.id = known;
    } else {
      const int32_t next = int32_t(data.vocabulary.tokens.size());
      if (added.id < 0) added.id = next;
      if (added.id > next)
        data.notes.push_back(
            fmt::format("{}: added token \"{}\" has id {} by its file; transformers would number on from "
                        "{}",
                        parts.source, added.content, added.id, next));
      data.vocabulary.place(parts.source, added.content, added.id);
    }
    placed.push_back(added);
  }
  data.special.assign(data.vocabulary.tokens.size(), 0);
  for (const AddedToken& added : placed) data.special[size_t(added.id)] = added.special;
  data.added = AddedTokens(std::move(placed));
}

class SpecialIds {
 public:
  SpecialIds(const TokenizerData& data, const std::string& source) : data_(data), source_(source) {}

  int32_t of(const std::string& name) const {
    if (name.empty()) return -1;
    const int32_t id = data_.vocabulary.find(name);
    check(id >= 0, "{}: the vocabulary has no special token \"{}\"", source_, name);
    return id;
  }
  std::vector<int32_t> of(const std::vector<std::string>& names) const {
    std::vector<int32_t> ids;
    for (const std::string& name : names) ids.push_back(of(name));
    return ids;
  }
  SpecialsTemplate of(const SpecialNames& names) const {
    return {
        .single = {.before = of(names.single.before), .after = of(names.single.after)},
        .pair = {.before = of(names.pair.before), .between = of(names.pair.between), .after = of(names.pair.after)}};
  }

 private:
  const TokenizerData& data_;
  const std::string& source_;
};

// RoBERTa's, where <s> and </s> are two tokens. GPT-2 has one token for every role and puts nothing around a text.
SpecialsTemplate default_specials(const TokenizerData& data) {
  if (data.bos < 0 || data.eos < 0 || data.bos == data.eos) return {};
  return SpecialsTemplate::roberta(data.bos, data.eos);
}

void add_template(Fingerprint& hash, const SpecialsTemplate& specials) {
  hash.add_string("specials");
  for (const std::vector<int32_t>* part : {&specials.single.before, &specials.single.after, &specials.pair.before,
                                           &specials.pair.between, &specials.pair.after}) {
    hash.add_number(part->size());
    for (const int32_t id : *part) hash.add_number(uint64_t(id));
  }
}

uint64_t fingerprint_of(const TokenizerData& data) {
  Fingerprint hash;
  hash.add_string(data.model->kind());
  hash.add_number(data.vocabulary.tokens.size());
  for (const std::string& token : data.vocabulary.tokens) hash.add_string(token);
  data.model->add_to(hash);
  std::vector<AddedToken> added = data.added.all();
  std::sort(added.begin(), added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  hash.add_number(added.size());
  for (const AddedToken& a : added) {
    hash.add_number(uint64_t(a.id));
    // The order of the passes is left out where it cannot matter, so that fingerprints of before they were told apart
    // stay valid.
    const bool second = a.normalized && data.added.in_two_passes();
    hash.add_number(uint64_t(a.special) | uint64_t(a.lstrip) << 1 | uint64_t(a.rstrip) << 2 |
                    uint64_t(a.single_word) << 3 | uint64_t(second) << 4);
  }
  for (const int32_t id : {data.bos, data.eos, data.pad, data.unk, data.mask}) hash.add_number(uint64_t(int64_t(id)));
  hash.add_number(data.add_prefix_space);
  // The default is left out: it follows from bos and eos, and caches made before there were templates stay valid.
  if (data.specials != default_specials(data)) add_template(hash, data.specials);
  return hash.value();
}

}  // namespace

std::shared_ptr<const TokenizerData> make_tokenizer_data(TokenizerParts parts) {
  auto data = std::make_shared<TokenizerData>();
  data->vocabulary.tokens.reserve(parts.vocab.size() + 8);
  data->vocabulary.ids.reserve(parts.vocab.size() + 8);
  for (const auto& [token, id] : parts.vocab) data->vocabulary.place(parts.source, token, id);
  check(!parts.vocab.empty(), "{}: the vocabulary is empty", parts.source);
  place_added(*data, parts);
  const SpecialIds ids(*data, parts.source);
  data->unk = ids.of(parts.unk);
  data->model = parts.make_model(data->vocabulary, ids.of(parts.byte_unk));
  data->bos = ids.of(parts.bos);
  data->eos = ids.of(parts.eos);
  data->pad = ids.of(parts.pad);
  data->mask = ids.of(parts.mask);
  data->specials = parts.specials ? ids.of(*parts.specials) : default_specials(*data);
  data->add_prefix_space = parts.add_prefix_space;
  data->files = std::move(parts.files);
  data->notes.insert(data->notes.end(), parts.notes.begin(), parts.notes.end());
  for (std::string& note : data->model->notes()) data->notes.push_back(fmt::format("{}: {}", parts.source, note));
  data->fingerprint = fingerprint_of(*data);
  return data;
}

}  // namespace encore
