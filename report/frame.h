// The parts of every report page.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "report/chart.h"

namespace encore {

// A figure in large type; `value` is HTML, name and note are text.
std::string tile(const std::string& name, const std::string& value, const std::string& note);

// A chart with its heading, and its numbers added to data[id]. wide: with a legend, over the whole page.
std::string chart_card(const Chart&, const std::string& id, bool wide, nlohmann::json& data);

// The whole file. title, heading and subtitle are text, body is HTML; data: filled by chart_card.
std::string page_frame(const std::string& title, const std::string& heading, const std::string& subtitle,
                       const std::string& body, const nlohmann::json& data);

// Whether a file that begins like this is a page of report, and may be replaced by another.
bool is_page(const std::string& start);

}  // namespace encore
