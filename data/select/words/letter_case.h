// Python's str.lower() over UTF-8, at the Unicode version of data/select/words/letter_classes.h.
#pragma once

#include <string>
#include <string_view>

namespace encore {

// Replaces `out` by the text in lower case: one code point by one, but U+0130 by "i" and U+0307, and a capital sigma by
// the final form where, case-ignorable letters apart, a cased letter stands before it and none after it (Unicode's
// Final_Sigma). Bytes that are not UTF-8 stay as they are.
void lower_case(std::string_view text, std::string& out);

}  // namespace encore
