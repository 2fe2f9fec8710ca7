#include "data/readers/file_kinds.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace encore {
namespace {

struct Foreign {
  std::string_view mark;  // an ending, or the first bytes
  const char* advice;
};

constexpr const char* kUnpackTar = "a tar archive: unpack it (tar xf) and give its files";
constexpr const char* kUnpackZip = "a zip archive: unpack it (unzip) and give its files";
constexpr const char* kSaveSheet = "a spreadsheet: save it as CSV in UTF-8";
constexpr const char* kColumns =
    "a columnar file: write it as .jsonl, e.g. pandas' to_json(orient='records', lines=True)";
constexpr const char* kBzip2 = "packed by bzip2, which is not read: unpack it (bunzip2), or pack it as .gz or .zst";
constexpr const char* kXz = "packed by xz, which is not read: unpack it (unxz), or pack it as .gz or .zst";
constexpr const char* kDocument = "a formatted document: save it as plain text in UTF-8";

constexpr Foreign kEndings[] = {{".tar", kUnpackTar},     {".tgz", kUnpackTar},   {".tar.gz", kUnpackTar},
                                {".tar.zst", kUnpackTar}, {".zip", kUnpackZip},   {".xlsx", kSaveSheet},
                                {".xls", kSaveSheet},     {".ods", kSaveSheet},   {".parquet", kColumns},
                                {".arrow", kColumns},     {".feather", kColumns}, {".tar.bz2", kUnpackTar},
                                {".tar.xz", kUnpackTar},  {".bz2", kBzip2},       {".xz", kXz},
                                {".7z", kUnpackZip},      {".pdf", kDocument},    {".docx", kDocument},
                                {".doc", kDocument},      {".html", kDocument}};

using namespace std::string_view_literals;

constexpr Foreign kHeads[] = {
    {"PK\x03\x04"sv, "a zip archive or a spreadsheet (.xlsx): unpack it, or save it as CSV in UTF-8"},
    {"PAR1"sv, kColumns},
    {"ARROW1"sv, kColumns},
    {"\x1f\x8b"sv, "packed by gzip: its name must end in .gz (once for each time that it was packed)"},
    {"\x28\xb5\x2f\xfd"sv, "packed by zstd: its name must end in .zst (once for each time that it was packed)"},
    {"BZh"sv, kBzip2},
    {"\xfd\x37zXZ"sv, kXz},
    {"7z\xbc\xaf\x27\x1c"sv, "a 7z archive: unpack it and give its files"},
    {"\xd0\xcf\x11\xe0"sv, "an old Office file (.xls, .doc): save it as CSV or plain text in UTF-8"},
    {"%PDF-"sv, kDocument},
    {"\xff\xfe\0\0"sv, "text in UTF-32: convert it with 'iconv -f UTF-32 -t UTF-8 FILE > NEW'"},
    {"\xff\xfe"sv, "text in UTF-16: convert it with 'iconv -f UTF-16 -t UTF-8 FILE > NEW'"},
    {"\xfe\xff"sv, "text in UTF-16: convert it with 'iconv -f UTF-16 -t UTF-8 FILE > NEW'"}};

std::string_view without_packing(std::string_view path) {
  for (std::string_view ending : {".gz", ".zst"})
    if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  return path;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = char(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

bool is_high(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

FileKind file_kind(const std::string& path) {
  const std::string_view name = without_packing(path);
  if (name.ends_with(".txt")) return FileKind::kText;
  if (name.ends_with(".jsonl") || name.ends_with(".json") || name.ends_with(".ndjson")) return FileKind::kJsonl;
  if (name.ends_with(".csv")) return FileKind::kCsv;
  if (name.ends_with(".tsv")) return FileKind::kTsv;
  const std::string small = lower(path);
  for (const auto& [ending, advice] : kEndings)
    check(!small.ends_with(ending),
          "{}: unknown kind of file: {} (read are .txt, .jsonl, .json, .ndjson, .csv and .tsv, plain, .gz or .zst)",
          path, advice);
  fail(
      "{}: unknown kind of file; its name must end in .txt, .jsonl, .json, .ndjson, .csv or .tsv, optionally .gz or "
      ".zst after it",
      path);
}

std::string foreign_content(std::string_view head) {
  // A text may begin with the letters of a mark ("PAR1 is a receptor"), but holds no control characters.
  const bool binary = std::any_of(head.begin(), head.end(), [](char c) { return c >= 0 && c < '\t'; });
  const auto letters = [](std::string_view mark) {
    return std::all_of(mark.begin(), mark.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  };
  for (const auto& [mark, advice] : kHeads)
    if (head.starts_with(mark) && (binary || !letters(mark))) return advice;
  if (head.size() > 262 && head.substr(257, 5) == "ustar") return kUnpackTar;
  // Latin letters in UTF-16 without a mark: every second byte is zero.
  size_t zeros[2] = {};
  for (size_t i = 0; i < head.size(); ++i) zeros[i % 2] += head[i] == '\0';
  for (const size_t side : {0, 1})
    if (head.size() >= 4 && zeros[side] * 4 > head.size() && zeros[1 - side] * 16 < head.size())
      return fmt::format(
          "text in UTF-16 without a byte order mark: convert it with 'iconv -f UTF-16{} -t UTF-8 FILE > NEW'",
          side == 1 ? "LE" : "BE");
  return "";
}

std::string encoding_advice(std::string_view text, size_t bad, bool utf8_before) {
  if (utf8_before)
    return "the text before it is UTF-8: repair the line, or drop such bytes with 'iconv -c -f UTF-8 -t UTF-8 FILE > "
           "NEW'";
  const std::string_view near = text.substr(bad > 2000 ? bad - 2000 : 0, 4000);
  size_t letters = 0, high = 0;
  bool defined = true;
  for (const char c : near) {
    const char small = char(c | 0x20);
    letters += is_high(c) || (small >= 'a' && small <= 'z');
    high += is_high(c);
    for (const char hole : {'\x81', '\x8d', '\x8f', '\x90', '\x9d'}) defined = defined && c != hole;
  }
  if (high * 2 > letters || !defined)
    return "convert the file from its code page, e.g. 'iconv -f GB18030 -t UTF-8 FILE > NEW' (Chinese; SHIFT_JIS for "
           "Japanese, WINDOWS-1251 or KOI8-R for Cyrillic; 'iconv -l' lists all)";
  // A superset of Latin-1 for all that a text holds: there bytes 0x80 to 0x9f are quotes and dashes.
  return "convert the file with 'iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW' (the code page of Windows, and of Latin-1, "
         "in "
         "western Europe)";
}

}  // namespace encore
