#include "train/vampire/saved_vampire.h"

#include "kernels/base/atomic_file.h"
#include "kernels/base/atomic_folder.h"
#include "kernels/base/check.h"
#include "kernels/base/read_json.h"
#include "model/vampire/vampire_folder.h"
#include "train/run_digest.h"

namespace encore {
namespace {

constexpr const char* kVocabulary = "/vocabulary.json";
constexpr const char* kBags = "/bags.json";

}  // namespace

void save_vampire_folder(const std::string& path, const VampireModel& model, const BagVocabulary& vocabulary,
                         const BagKind& bags) {
  AtomicFolder folder(path);
  save_vampire(folder.temporary_path(), model);
  write_file_atomic(folder.temporary_path() + kVocabulary, vocabulary.to_json().dump() + "\n");
  const nlohmann::ordered_json kind{{"tfidf", bags.tfidf},
                                    {"sentences", bags.sentences},
                                    {"least_sum", bags.least_sum},
                                    {"vocabulary", digest_text(vocabulary.fingerprint())}};
  write_file_atomic(folder.temporary_path() + kBags, kind.dump(2) + "\n");
  folder.commit();
}

SavedVampire load_vampire_folder(const std::string& path, Backend& backend, Mode mode) {
  const std::string words = path + kVocabulary, file = path + kBags;
  const VampireConfig config = read_vampire_config(path);
  SavedVampire saved{.vocabulary = BagVocabulary::from_json(read_json_file(words), words)};
  std::string fingerprint;
  try {
    const nlohmann::json kind = read_json_file(file);
    saved.bags = {.tfidf = kind.at("tfidf"), .sentences = kind.at("sentences"), .least_sum = kind.at("least_sum")};
    kind.at("vocabulary").get_to(fingerprint);
  } catch (const nlohmann::json::exception&) {
    fail("{}: does not say how the bags of words are made, or lacks a field", file);
  }
  check(fingerprint == digest_text(saved.vocabulary.fingerprint()),
        "{}: is damaged, or of another model than {}: take the folder as vampire_train wrote it", words, file);
  check(config.vocabulary == saved.vocabulary.columns(),
        "{}: has {} words and the model {}: take the folder as vampire_train wrote it", words,
        saved.vocabulary.columns(), config.vocabulary);
  saved.model = std::make_unique<VampireModel>(config, backend, mode);
  load_vampire(path, *saved.model);
  return saved;
}

}  // namespace encore
