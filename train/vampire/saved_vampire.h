// A trained VAMPIRE as a folder: the model (model/vampire/vampire_folder.h) and how its bags of words are made.
//   vocabulary.json   data/select/bags/bag_vocabulary.h
//   bags.json         {"tfidf": whether the model takes TF-IDF weights and not counts, "sentences": whether it was
//                      trained on sentences, "least_sum": ..., "vocabulary": fingerprint of vocabulary.json}
#pragma once

#include <memory>
#include <string>

#include "data/select/bags/bag_vocabulary.h"
#include "model/vampire/vampire_model.h"

namespace encore {

struct BagKind {
  bool tfidf = false, sentences = false;
  double least_sum = 3;  // texts of no larger sum were left out of training
};

struct SavedVampire {
  BagVocabulary vocabulary;
  BagKind bags;
  std::unique_ptr<VampireModel> model;
};

// Publishes the folder at `path`, in place of one that is there (kernels/base/atomic_folder.h). Throws IoError, and
// then what was there is untouched.
void save_vampire_folder(const std::string& path, const VampireModel&, const BagVocabulary&, const BagKind&);

// Throws Error naming the file: missing, damaged, or of another vocabulary than the model.
SavedVampire load_vampire_folder(const std::string& path, Backend&, Mode);

}  // namespace encore
