// The page of a folder that select_data wrote.
#pragma once

#include <string>

namespace encore {

// Whether the folder's ledger.json is one of select_data's.
bool is_selection_folder(const std::string& folder);

// Throws Error naming the file and the key for a ledger that is damaged.
std::string selection_page(const std::string& folder);

}  // namespace encore
