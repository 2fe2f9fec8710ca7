#include "data/tokenizer/tokenizer_data.h"

#include <algorithm>
#include <atomic>

#include "kernels/base/check.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

struct ByteLetters {
  char32_t letter[256];
  std::array<int16_t, 0x200> byte;  // by letter; -1: none

  ByteLetters() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      const bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      letter[b] = itself ? char32_t(b) : next++;
      byte[letter[b]] = int16_t(b);
    }
  }
};

const ByteLetters& byte_letters() {
  static const ByteLetters table;
  return table;
}

struct Fnv {
  uint64_t state = 0xcbf29ce484222325ull;
  void add(std::string_view bytes) {
    for (const char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  }
  void add_number(uint64_t n) {
    for (int i = 0; i < 8; ++i) state = (state ^ ((n >> (8 * i)) & 0xff)) * 0x100000001b3ull;
  }
  void add_string(std::string_view s) {
    add_number(s.size());
    add(s);
  }
};

void place(TokenizerData& data, const std::string& source, const std::string& token, int32_t id) {
  check(!token.empty(), "{}: the token of id {} is empty", source, id);
  check(id >= 0 && id < kMaxTokenIds, "{}: token \"{}\": id {} is not in [0, {})", source, token, id, kMaxTokenIds);
  if (size_t(id) >= data.tokens.size()) data.tokens.resize(size_t(id) + 1);
  check(data.tokens[size_t(id)].empty(), "{}: \"{}\" and \"{}\" have the same id {}", source, data.tokens[size_t(id)],
        token, id);
  const bool fresh = data.ids.emplace(token, id).second;
  check(fresh, "{}: token \"{}\" occurs twice", source, token);
  data.tokens[size_t(id)] = token;
}

void place_added(TokenizerData& data, const TokenizerParts& parts) {
  for (AddedToken added : parts.added) {
    const auto known = data.ids.find(added.content);
    if (known != data.ids.end()) {
      check(added.id < 0 || added.id == known->second, "{}: added token \"{}\" has id {}, the vocabulary says {}",
            parts.source, added.content, added.id, known->second);
      added.id = known->second;
    } else {
      if (added.id < 0) added.id = int32_t(data.tokens.size());
      place(data, parts.source, added.content, added.id);
    }
    data.added.push_back(added);
  }
  std::stable_sort(data.added.begin(), data.added.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.content.size() > b.content.size(); });
  data.special.assign(data.tokens.size(), 0);
  int first_bytes = 0;
  for (const AddedToken& added : data.added) {
    data.special[size_t(added.id)] = added.special;
    const auto first = static_cast<unsigned char>(added.content[0]);
    first_bytes += !data.starts_added[first];
    data.starts_added[first] = true;
    data.added_start = first;
  }
  if (first_bytes != 1) data.added_start = -1;
}

void place_merges(TokenizerData& data, const TokenizerParts& parts) {
  data.merge_table = MergeTable(parts.merges.size());
  data.merges.reserve(parts.merges.size());
  std::string joined;
  for (size_t rank = 0; rank < parts.merges.size(); ++rank) {
    const auto& [left, right] = parts.merges[rank];
    joined.assign(left).append(right);
    int32_t ids[3];
    const std::string* names[3] = {&left, &right, &joined};
    for (int i = 0; i < 3; ++i) {
      const auto found = data.ids.find(*names[i]);
      check(found != data.ids.end(), "{}: merge {} (\"{} {}\"): the vocabulary has no token \"{}\"", parts.source,
            rank + 1, left, right, *names[i]);
      ids[i] = found->second;
    }
    data.merges.emplace_back(ids[0], ids[1]);
    data.merge_table.insert(ids[0], ids[1], uint32_t(rank), ids[2]);
  }
}

uint64_t fingerprint_of(const TokenizerData& data) {
  Fnv hash;
  hash.add_string("byte-level bpe 1");
  hash.add_number(data.tokens.size());
  for (const std::string& token : data.tokens) hash.add_string(token);
  hash.add_number(data.merges.size());
  for (const auto& [left, right] : data.merges) {
    hash.add_number(uint64_t(left));
    hash.add_number(uint64_t(right));
  }
  std::vector<AddedToken> added = data.added;
  std::sort(added.begin(), added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  hash.add_number(added.size());
  for (const AddedToken& a : added) {
    hash.add_number(uint64_t(a.id));
    hash.add_number(uint64_t(a.special) | uint64_t(a.lstrip) << 1 | uint64_t(a.rstrip) << 2);
  }
  for (const int32_t id : {data.bos, data.eos, data.pad, data.unk, data.mask}) hash.add_number(uint64_t(int64_t(id)));
  hash.add_number(data.add_prefix_space);
  return hash.state;
}

}  // namespace

char32_t letter_of_byte(uint8_t byte) {
  return byte_letters().letter[byte];
}

std::string letters_of_bytes(std::string_view bytes) {
  std::string letters;
  for (const char c : bytes) append_utf8(letters, letter_of_byte(uint8_t(c)));
  return letters;
}

bool bytes_of_letters(std::string_view letters, std::string& bytes) {
  const ByteLetters& table = byte_letters();
  const size_t before = bytes.size();
  for (size_t at = 0; at < letters.size();) {
    const CodePoint c = decode_utf8(letters, at);
    if (!c.valid || c.value >= table.byte.size() || table.byte[c.value] < 0) {
      bytes.resize(before);
      return false;
    }
    bytes.push_back(char(table.byte[c.value]));
    at += c.size;
  }
  return true;
}

std::shared_ptr<const TokenizerData> make_tokenizer_data(TokenizerParts parts) {
  auto data = std::make_shared<TokenizerData>();
  data->tokens.reserve(parts.vocab.size() + 8);
  data->ids.reserve(parts.vocab.size() + 8);
  for (const auto& [token, id] : parts.vocab) place(*data, parts.source, token, id);
  check(!parts.vocab.empty(), "{}: the vocabulary is empty", parts.source);
  place_added(*data, parts);
  place_merges(*data, parts);
  for (unsigned b = 0; b < 256; ++b) {
    const char byte = char(b);
    const auto found = data->ids.find(letters_of_bytes({&byte, 1}));
    data->byte_ids[b] = found == data->ids.end() ? -1 : found->second;
  }
  const auto resolve = [&](const std::string& name) {
    if (name.empty()) return -1;
    const auto found = data->ids.find(name);
    check(found != data->ids.end(), "{}: the vocabulary has no special token \"{}\"", parts.source, name);
    return found->second;
  };
  data->bos = resolve(parts.bos);
  data->eos = resolve(parts.eos);
  data->pad = resolve(parts.pad);
  data->unk = resolve(parts.unk);
  data->mask = resolve(parts.mask);
  data->add_prefix_space = parts.add_prefix_space;
  data->files = std::move(parts.files);
  data->fingerprint = fingerprint_of(*data);
  static std::atomic<uint64_t> serial{0};
  data->serial = ++serial;
  return data;
}

}  // namespace encore
