#include "data/tokenizer/tokenizer.h"

#include <algorithm>

#include "data/tokenizer/byte_level_bpe.h"
#include "data/tokenizer/tokenizer_data.h"
#include "kernels/base/check.h"
#include "kernels/base/thread_team.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

// The text between two added tokens.
void encode_stretch(const TokenizerData& data, std::string_view text, std::vector<int32_t>& ids,
                    std::vector<uint8_t>* word_starts) {
  if (text.empty()) return;
  if (data.add_prefix_space && text[0] != ' ')
    data.model->encode(" " + std::string(text), ids, word_starts);
  else
    data.model->encode(text, ids, word_starts);
}

void encode_text(const TokenizerData& data, std::string_view text, std::vector<int32_t>& ids,
                 std::vector<uint8_t>* word_starts, SpecialText special) {
  std::vector<AddedTokens::Piece> pieces;
  data.added.split(text, special, pieces);
  for (const AddedTokens::Piece& piece : pieces) {
    if (!piece.token) {
      encode_stretch(data, piece.text, ids, word_starts);
      continue;
    }
    ids.push_back(piece.token->id);
    if (word_starts) word_starts->push_back(1);
  }
}

void append(std::vector<int32_t>& ids, std::span<const int32_t> more) {
  ids.insert(ids.end(), more.begin(), more.end());
}

}  // namespace

Tokenizer Tokenizer::load(const std::string& dir) {
  return Tokenizer(make_tokenizer_data(read_tokenizer_folder(dir)));
}

Tokenizer Tokenizer::from_parts(std::vector<std::string> tokens,
                                std::vector<std::pair<std::string, std::string>> merges) {
  TokenizerParts parts;
  parts.source = "tokenizer";
  for (size_t id = 0; id < tokens.size(); ++id) parts.vocab.emplace_back(std::move(tokens[id]), int32_t(id));
  parts.make_model = [&merges](const Vocabulary& vocabulary, int32_t unk) {
    return std::make_unique<ByteLevelBpe>(vocabulary, merges, ByteLevelBpe::MissingBytes{.unk = unk}, "tokenizer");
  };
  parts.bos = "<s>", parts.pad = "<pad>", parts.eos = "</s>", parts.unk = "<unk>", parts.mask = "<mask>";
  for (const std::string& name : {parts.bos, parts.pad, parts.eos, parts.unk, parts.mask})
    parts.added.push_back({.content = name, .special = true, .lstrip = name == parts.mask});
  const size_t count = parts.vocab.size();
  auto data = make_tokenizer_data(std::move(parts));
  check(data->vocabulary.tokens.size() == count,
        "tokenizer: one of <s>, <pad>, </s>, <unk>, <mask> is not among the tokens");
  return Tokenizer(std::move(data));
}

void Tokenizer::encode(std::string_view text, std::vector<int32_t>& ids, SpecialText special) const {
  encode_text(*data_, text, ids, nullptr, special);
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, SpecialText special) const {
  std::vector<int32_t> ids;
  encode(text, ids, special);
  return ids;
}

void Tokenizer::encode_words(std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts,
                             SpecialText special) const {
  encode_text(*data_, text, ids, &word_starts, special);
}

std::vector<std::vector<int32_t>> Tokenizer::encode_batch(std::span<const std::string_view> texts, int threads,
                                                          SpecialText special) const {
  std::vector<std::vector<int32_t>> batch(texts.size());
  LoopFailure failure;
  threads = int(std::clamp<size_t>(texts.size(), 1, size_t(loop_threads(threads))));
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads)
  for (size_t i = 0; i < texts.size(); ++i) failure.guard([&] { encode(texts[i], batch[i], special); });
  failure.rethrow();
  return batch;
}

std::vector<int32_t> Tokenizer::build_inputs(std::span<const int32_t> a, size_t max_length) const {
  check(!specials().empty(), "{}", kNoSpecials);
  const SpecialsTemplate::Single& around = specials().single;
  check(max_length >= around.size(), "a maximal length of {} has no room for the {} special tokens of a text",
        max_length, around.size());
  a = a.first(std::min(a.size(), max_length - around.size()));
  std::vector<int32_t> ids;
  ids.reserve(a.size() + around.size());
  append(ids, around.before);
  append(ids, a);
  append(ids, around.after);
  return ids;
}

std::vector<int32_t> Tokenizer::build_inputs(std::span<const int32_t> a, std::span<const int32_t> b,
                                             size_t max_length) const {
  check(!specials().empty(), "{}", kNoSpecials);
  const SpecialsTemplate::Pair& around = specials().pair;
  check(max_length >= around.size(), "a maximal length of {} has no room for the {} special tokens of a pair",
        max_length, around.size());
  const size_t room = max_length - around.size();
  if (a.size() > room || b.size() > room || a.size() + b.size() > room) {
    const bool a_longer = a.size() > b.size();
    size_t shorter = std::min(a.size(), b.size());
    size_t longer = room - std::min(shorter, room);
    if (shorter > longer) {
      shorter = room / 2;
      longer = room - shorter;
    }
    a = a.first(a_longer ? longer : shorter);
    b = b.first(a_longer ? shorter : longer);
  }
  std::vector<int32_t> ids;
  ids.reserve(a.size() + b.size() + around.size());
  append(ids, around.before);
  append(ids, a);
  append(ids, around.between);
  append(ids, b);
  append(ids, around.after);
  return ids;
}

int32_t Tokenizer::vocab_size() const {
  return int32_t(data_->vocabulary.tokens.size());
}
int32_t Tokenizer::bos_id() const {
  return data_->bos;
}
int32_t Tokenizer::eos_id() const {
  return data_->eos;
}
int32_t Tokenizer::pad_id() const {
  return data_->pad;
}
int32_t Tokenizer::unk_id() const {
  return data_->unk;
}
int32_t Tokenizer::mask_id() const {
  return data_->mask;
}
size_t Tokenizer::merge_count() const {
  return data_->model->merge_count();
}
const SpecialsTemplate& Tokenizer::specials() const {
  return data_->specials;
}
bool Tokenizer::add_prefix_space() const {
  return data_->add_prefix_space;
}
const std::vector<std::string>& Tokenizer::notes() const {
  return data_->notes;
}
uint64_t Tokenizer::fingerprint() const {
  return data_->fingerprint;
}

bool Tokenizer::is_special(int32_t id) const {
  return id >= 0 && size_t(id) < data_->special.size() && data_->special[size_t(id)];
}

bool Tokenizer::has_token(int32_t id) const {
  const std::vector<std::string>& tokens = data_->vocabulary.tokens;
  return id >= 0 && size_t(id) < tokens.size() && !tokens[size_t(id)].empty();
}

const std::string& Tokenizer::token(int32_t id) const {
  check(id >= 0 && id < vocab_size(), "token id {} is not in [0, {})", id, vocab_size());
  return data_->vocabulary.tokens[size_t(id)];
}

int32_t Tokenizer::id_of(std::string_view token) const {
  return data_->vocabulary.find(token);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  size_t begin = 0;  // of the ids that wait for the model
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string& content = token(ids[i]);
    if (!is_special(ids[i])) continue;
    data_->model->decode(ids.subspan(begin, i - begin), text);
    if (!skip_special) text += content;
    begin = i + 1;
  }
  data_->model->decode(ids.subspan(begin), text);
  return text;
}

}  // namespace encore
