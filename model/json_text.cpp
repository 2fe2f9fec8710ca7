#include "model/json_text.h"

#include <set>
#include <vector>

#include "kernels/base/check.h"
#include "model/in_quotes.h"

namespace encore {

using nlohmann::json;

json parse_json_object(std::string_view text, const std::string& file, const char* what, int max_depth) {
  const std::string where = *what ? file + ": " + what : file;
  std::vector<std::set<std::string>> keys;  // of each object that is still open
  const auto guard = [&](int depth, json::parse_event_t event, json& value) {
    using Event = json::parse_event_t;
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end && !keys.empty()) keys.pop_back();
    if (event == Event::object_start || event == Event::array_start)
      check(depth < max_depth, "{}: JSON nested deeper than {} levels", where, max_depth);
    if (event == Event::key && !keys.empty())
      check(keys.back().insert(value.get<std::string>()).second, "{}: the key {} comes twice", where,
            in_quotes(value.get<std::string>()));
    return true;
  };
  json result;
  try {
    result = json::parse(text.begin(), text.end(), guard);
  } catch (const json::exception& e) {
    std::string reason = e.what();
    if (const size_t close = reason.find("] "); close != std::string::npos) reason = reason.substr(close + 2);
    const std::string shown = in_quotes(reason, 300);
    fail("{}: not valid JSON: {}", where, shown.substr(1, shown.size() - 2));
  }
  check(result.is_object(), "{}: a JSON {} where an object is expected", where, result.type_name());
  return result;
}

}  // namespace encore
