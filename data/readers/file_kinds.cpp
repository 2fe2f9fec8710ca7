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
constexpr const char* kUnpackOther = "an archive: unpack it and give its files";
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
                                {".7z", kUnpackOther},    {".rar", kUnpackOther}, {".pdf", kDocument},
                                {".docx", kDocument},     {".doc", kDocument},    {".html", kDocument}};

using namespace std::string_view_literals;

constexpr Foreign kHeads[] = {
    {"PK\x03\x04"sv, "a zip archive or a spreadsheet (.xlsx): unpack it, or save it as CSV in UTF-8"},
    {"PAR1"sv, kColumns},
    {"ARROW1"sv, kColumns},
    {"\x1f\x8b"sv, "packed by gzip: its name must end in .gz; if it does, it was packed twice: unpack it once"},
    {"\x28\xb5\x2f\xfd"sv,
     "packed by zstd: its name must end in .zst; if it does, it was packed twice: unpack it once"},
    {"BZh"sv, kBzip2},
    {"\xfd\x37zXZ"sv, kXz},
    {"7z\xbc\xaf\x27\x1c"sv, kUnpackOther},
    {"\xd0\xcf\x11\xe0"sv, "an old Office file (.xls, .doc): save it as CSV or plain text in UTF-8"},
    {"%PDF-"sv, kDocument},
    {"\xff\xfe\0\0"sv, "text in UTF-32: convert it with 'iconv -f UTF-32 -t UTF-8 FILE > NEW'"},
    {"\xff\xfe"sv, "text in UTF-16: convert it with 'iconv -f UTF-16 -t UTF-8 FILE > NEW'"},
    {"\xfe\xff"sv, "text in UTF-16: convert it with 'iconv -f UTF-16 -t UTF-8 FILE > NEW'"}};

std::string_view without_packing(std::string_view path) {
  for (std::string_view ending : {".gz", ".zst"})
    if (has_ending(path, ending)) return path.substr(0, path.size() - ending.size());
  return path;
}

char lower(char c) {
  return char(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool is_high(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

bool is_latin(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

// Whether there is a byte that Windows-1252 lacks, or one between letters that is a sign there and stands alone (dashes
// and apostrophes do not): MacRoman and the code pages of DOS have letters from 0x80 to 0x9f.
bool looks_older_than_windows(std::string_view text) {
  constexpr std::string_view kLacking = "\x81\x8d\x8f\x90\x9d";
  constexpr std::string_view kSigns = "\x80\x82\x84\x86\x87\x88\x89\x8b\x93\x94\x95\x98\x9b";
  for (size_t i = 0; i < text.size(); ++i) {
    if (kLacking.find(text[i]) != kLacking.npos) return true;
    const bool inside = i > 0 && i + 1 < text.size() && is_latin(text[i - 1]) && is_latin(text[i + 1]);
    if (inside && kSigns.find(text[i]) != kSigns.npos) return true;
  }
  return false;
}

}  // namespace

bool has_ending(std::string_view path, std::string_view ending) {
  return path.size() >= ending.size() && std::equal(ending.begin(), ending.end(), path.end() - std::ssize(ending),
                                                    [](char a, char b) { return a == lower(b); });
}

FileKind file_kind(const std::string& path) {
  const std::string_view name = without_packing(path);
  if (has_ending(name, ".txt")) return FileKind::kText;
  for (const char* ending : {".jsonl", ".json", ".ndjson"})
    if (has_ending(name, ending)) return FileKind::kJsonl;
  if (has_ending(name, ".csv")) return FileKind::kCsv;
  if (has_ending(name, ".tsv")) return FileKind::kTsv;
  for (const auto& [ending, advice] : kEndings)
    check(!has_ending(path, ending),
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
  size_t letters = 0, high = 0, beside_high = 0;
  for (size_t i = 0; i < near.size(); ++i) {
    letters += is_high(near[i]) || is_latin(near[i]);
    high += is_high(near[i]);
    beside_high +=
        is_high(near[i]) && ((i > 0 && is_high(near[i - 1])) || (i + 1 < near.size() && is_high(near[i + 1])));
  }
  if (high * 2 > letters || beside_high * 2 > high)
    return "convert the file from its code page, e.g. 'iconv -f GB18030 -t UTF-8 FILE > NEW' (Chinese; SHIFT_JIS for "
           "Japanese, WINDOWS-1251 or KOI8-R for Cyrillic; 'iconv -l' lists all)";
  if (looks_older_than_windows(near))
    return "convert the file from its code page, e.g. 'iconv -f MACINTOSH -t UTF-8 FILE > NEW' (old Macs; IBM850 for "
           "DOS, 'iconv -l' lists all)";
  // A superset of Latin-1 for all that a text holds: there bytes 0x80 to 0x9f are quotes and dashes.
  return "convert the file with 'iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW' (the code page of Windows, and of Latin-1, "
         "in "
         "western Europe)";
}

}  // namespace encore
