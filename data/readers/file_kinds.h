// Kinds of files: those that are read, by the ending of a name, and those that people give instead.
#pragma once

#include <string>
#include <string_view>

namespace encore {

enum class FileKind { kText, kJsonl, kCsv, kTsv };

// Whether the path ends in `ending` (lower case), whatever the case of the path's letters: Windows writes DATA.TXT.
bool has_ending(std::string_view path, std::string_view ending);

// Throws Error for an ending that is not read; for .tar, .zip, .xlsx, .parquet and their like it says what to do.
FileKind file_kind(const std::string& path);

// "" or what the first bytes say that the file is, and what to do: an archive, a spreadsheet, text in UTF-16. `head`:
// the first bytes of the text, after unpacking by the name's ending.
std::string foreign_content(std::string_view head);

// What to do about text that is not UTF-8, as a command where the code page can be guessed. text: the line with the
// ill-formed byte at `bad`. utf8_before: letters beyond ASCII were well-formed before it.
std::string encoding_advice(std::string_view text, size_t bad, bool utf8_before);

}  // namespace encore
