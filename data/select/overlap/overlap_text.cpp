#include "data/select/overlap/overlap_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "data/select/overlap/published_overlap.h"
#include "data/select/text_table.h"
#include "kernels/base/human.h"
#include "kernels/base/in_quotes.h"

namespace encore {
namespace {

using Json = nlohmann::ordered_json;

bool is_shared(const Overlap& overlap) {
  return overlap.options.measure == OverlapMeasure::kShared;
}

std::string matrix(const Overlap& overlap, const std::vector<size_t>& corpora,
                   const std::function<double(size_t, size_t)>& percent) {
  TextTable rows{{""}};
  for (const size_t c : corpora) rows[0].push_back(overlap.corpora[c].name);
  for (const size_t a : corpora) {
    rows.push_back({overlap.corpora[a].name});
    for (const size_t b : corpora) rows.back().push_back(fmt::format("{:.1f}", percent(a, b)));
  }
  return aligned(rows);
}

std::string decimals(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "none";
}

std::string corpora_table(const Overlap& overlap) {
  TextTable rows{{"corpus", "documents", "words", "types"}};
  if (!overlap.model.empty())
    for (const char* heading : {"loss", "targets", "tokens a word"}) rows[0].push_back(heading);
  for (const CorpusVocabulary& c : overlap.corpora) {
    rows.push_back(
        {c.name, with_commas(c.counts.documents), with_commas(c.counts.tokens), with_commas(c.counts.types)});
    if (!overlap.model.empty() && c.model)
      for (const std::string& cell :
           {decimals(c.model->loss, 3), with_commas(c.model->targets), decimals(c.model->tokens_per_word(), 3)})
        rows.back().push_back(cell);
  }
  return aligned(rows);
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string csv_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "";
}

Json json_number(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

Json json_of(const CorpusVocabulary& c) {
  Json out = {{"name", c.name},
              {"files", c.paths},
              {"documents", c.counts.documents},
              {"all_documents", c.all_documents},
              {"words", c.counts.tokens},
              {"types", c.counts.types}};
  Json frequent = Json::array();
  for (size_t i = 0; i < std::min<size_t>(50, c.counts.words.size()); ++i)
    frequent.push_back(Json::array({c.counts.words[i].word, c.counts.words[i].count}));
  out["most_frequent"] = frequent;
  if (c.model)
    out["model"] = {{"mlm_loss_nats", json_number(c.model->loss)},
                    {"targets", c.model->targets},
                    {"tokens", c.model->tokens},
                    {"spaced_words", c.model->words},
                    {"tokens_per_word", json_number(c.model->tokens_per_word())},
                    {"documents", c.model->documents}};
  return out;
}

constexpr const char* kCsvStart = "corpus,percent ";
constexpr const char* kJsonStart = "{\n \"program\": \"domain_overlap\",";

}  // namespace

std::string overlap_title(const Overlap& overlap) {
  if (is_shared(overlap))
    return fmt::format("shared words among the {} most frequent of each corpus, % (the paper's measure)",
                       with_commas(overlap.top_used));
  return fmt::format("Jaccard index of the words in {} or more documents, % (the repository's measure)",
                     overlap.options.min_documents);
}

std::vector<std::string> overlap_notes(const Overlap& overlap) {
  std::vector<std::string> notes;
  notes.push_back(
      fmt::format("words: of two letters or more, without {} English stop words; types: different ones{}",
                  english_stop_words().size(),
                  is_shared(overlap) ? "" : fmt::format(" in {} or more documents", overlap.options.min_documents)));
  if (is_shared(overlap) && overlap.top_used < overlap.options.top)
    for (const CorpusVocabulary& c : overlap.corpora)
      if (c.counts.types == overlap.top_used)
        notes.push_back(fmt::format("K is {} instead of {}, since {} has no more types", with_commas(overlap.top_used),
                                    with_commas(overlap.options.top), in_quotes(c.name)));
  for (const CorpusVocabulary& c : overlap.corpora)
    if (c.counts.documents < c.all_documents)
      notes.push_back(fmt::format("{}: {} of {} documents, spread evenly", in_quotes(c.name),
                                  with_commas(c.counts.documents), with_commas(c.all_documents)));
  if (!overlap.model.empty())
    notes.push_back(
        "loss: masked-LM, nats a target, mean over targets; words of \"tokens a word\" are parted by spaces");
  return notes;
}

std::vector<size_t> published_corpora(const Overlap& overlap) {
  std::vector<size_t> known;
  for (size_t c = 0; c < overlap.corpora.size() && is_shared(overlap); ++c)
    if (published_overlap(overlap.corpora[c].name, overlap.corpora[c].name)) known.push_back(c);
  return known.size() < 2 ? std::vector<size_t>() : known;
}

std::string overlap_table(const Overlap& overlap) {
  std::vector<size_t> all(overlap.corpora.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  std::string out = overlap_title(overlap) + "\n";
  out += matrix(overlap, all, [&](size_t a, size_t b) { return overlap.percent[a][b]; });
  if (const auto known = published_corpora(overlap); !known.empty())
    out += fmt::format("\n{}, %\n", kPublishedOverlap) + matrix(overlap, known, [&](size_t a, size_t b) {
             return *published_overlap(overlap.corpora[a].name, overlap.corpora[b].name);
           });
  out += "\n" + corpora_table(overlap);
  for (const std::string& note : overlap_notes(overlap)) out += note + "\n";
  return out;
}

std::string overlap_csv(const Overlap& overlap) {
  const auto known = published_corpora(overlap);
  std::string out = "corpus";
  const auto put = [&](const std::string& field) { out += "," + csv_field(field); };
  for (const CorpusVocabulary& c : overlap.corpora) put("percent " + c.name);
  for (const size_t c : known) put("published percent " + overlap.corpora[c].name);
  for (const char* name : {"measure", "documents", "words", "types", "mlm loss in nats", "tokens a word"}) put(name);
  const std::string measure = is_shared(overlap) ? fmt::format("shared top {}", overlap.top_used)
                                                 : fmt::format("jaccard min_df {}", overlap.options.min_documents);
  for (size_t a = 0; a < overlap.corpora.size(); ++a) {
    const CorpusVocabulary& c = overlap.corpora[a];
    out += "\r\n" + csv_field(c.name);
    for (const double percent : overlap.percent[a]) put(csv_number(percent));
    for (const size_t b : known) {
      const auto published = published_overlap(c.name, overlap.corpora[b].name);
      put(published ? csv_number(*published) : "");
    }
    put(measure);
    for (const int64_t count : {c.counts.documents, c.counts.tokens, c.counts.types}) put(std::to_string(count));
    put(c.model ? csv_number(c.model->loss) : "");
    put(c.model ? csv_number(c.model->tokens_per_word()) : "");
  }
  return out + "\r\n";
}

std::string overlap_json(const Overlap& overlap) {
  Json out = {{"program", "domain_overlap"}, {"measure", is_shared(overlap) ? "shared" : "jaccard"}};
  if (is_shared(overlap))
    out.update(Json{{"K", overlap.options.top}, {"K_used", overlap.top_used}});
  else
    out["min_df"] = overlap.options.min_documents;
  out["stop_words"] = english_stop_words().size();
  if (!overlap.model.empty()) out["model"] = overlap.model;
  out["corpora"] = Json::array();
  for (const CorpusVocabulary& c : overlap.corpora) out["corpora"].push_back(json_of(c));
  out["percent"] = overlap.percent;
  if (const auto known = published_corpora(overlap); !known.empty()) {
    Json names = Json::array(), percent = Json::array();
    for (const size_t a : known) {
      names.push_back(overlap.corpora[a].name);
      percent.push_back(Json::array());
      for (const size_t b : known)
        percent.back().push_back(*published_overlap(overlap.corpora[a].name, overlap.corpora[b].name));
    }
    out["published"] = {{"source", kPublishedOverlap}, {"corpora", names}, {"percent", percent}};
  }
  // A file name may hold bytes that are not UTF-8.
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool is_overlap_csv(const std::string& start) {
  return start.starts_with(kCsvStart) || start.starts_with("corpus,\"percent ");
}

bool is_overlap_json(const std::string& start) {
  return start.starts_with(kJsonStart);
}

}  // namespace encore
