// Ops over bags of words at VAMPIRE's shape: 512 documents, 30,001 words, 81 latent variables and hidden units. Flops
// are counted from the formulas; an exponential counts as one.
#include <algorithm>

#include "bench/kernels/cost/workload.h"
#include "kernels/backend.h"

namespace encore::cost {
namespace {

constexpr DType kF32 = DType::kF32;
constexpr int64_t kDocuments = 512, kWords = 30001, kLatent = 81;

// Each word is in four documents: the entries by word, and by document.
struct Entries {
  std::vector<int32_t> row_start{0}, column, word_start{0}, document;
};
Entries entries_of(int64_t documents, int64_t words) {
  Entries e;
  std::vector<std::vector<int32_t>> words_of(static_cast<size_t>(documents));
  for (int64_t w = 0; w < words; ++w) {
    std::vector<int32_t> in;
    for (int64_t i = 0; i < 4; ++i) in.push_back(int32_t((w * 7 + i * 31) % documents));
    std::sort(in.begin(), in.end());
    for (const int32_t r : in) e.document.push_back(r), words_of[size_t(r)].push_back(int32_t(w));
    e.word_start.push_back(int32_t(e.document.size()));
  }
  for (const auto& of_document : words_of) {
    e.column.insert(e.column.end(), of_document.begin(), of_document.end());
    e.row_start.push_back(int32_t(e.column.size()));
  }
  return e;
}

Bags bags_of(Workload& w, const Entries& e) {
  return {
      .row_start = w.list(e.row_start), .column = w.list(e.column), .value = w.make(kF32, 1, int64_t(e.column.size()))};
}
BagsByWord by_word_of(Workload& w, const Entries& e) {
  return {.word_start = w.list(e.word_start),
          .document = w.list(e.document),
          .value = w.make(kF32, 1, int64_t(e.document.size()))};
}

// What grows is the number of words.
Case of_words(const char* op, const char* variant, double flops, std::function<void(Workload&, int64_t)> body) {
  return {op, variant, "vampire", 0, double(kWords), 1, flops, {1024, 2048}, false, std::move(body)};
}
// What grows is the number of documents.
Case of_documents(const char* op, double flops, std::function<void(Workload&, int64_t)> body) {
  return {op, "fp32", "vampire", 0, double(kDocuments), 1, flops, {64, 128}, false, std::move(body)};
}

Case likelihood_case(bool training) {
  const double flops = double(kWords * kDocuments) * (training ? 30 : 8);
  return of_words("bag_likelihood", training ? "training" : "evaluation", flops, [=](Workload& w, int64_t words) {
    const Entries e = entries_of(kDocuments, words);
    BagLikelihood a;
    // The softmax comes before the gradient, so that training reads the reconstruction twice and writes it once.
    a.reconstruction = w.make(kF32, words, kDocuments, training ? 3 : 1);
    a.background = w.make(kF32, 1, words), a.bias = w.make(kF32, 1, words);
    a.running_mean = w.make(kF32, 1, words, training ? 2 : 1);
    a.running_variance = w.make(kF32, 1, words, training ? 2 : 1);
    std::fill_n(a.running_variance.ptr<float>(), words, 1.f);
    a.bags = bags_of(w, e);
    if (training) a.by_word = by_word_of(w, e), a.dbias = w.make(kF32, 1, words, 2);
    a.log_likelihood = w.make(kF32, 1, kDocuments);
    a.likelihood.scale = -1.f / float(kDocuments);
    a.training = training;
    w.measure([&](Backend& b) { bag_likelihood(b, a); });
  });
}

LogisticNormalForward latent(Workload& w, int64_t documents) {
  LogisticNormalForward a;
  a.mean = w.make(kF32, documents, kLatent), a.log_variance = w.make(kF32, documents, kLatent);
  a.theta = w.make(kF32, documents, kLatent);
  a.draws = {.dropout = 0.49f, .seed = 1, .document_keys = w.list(std::vector<uint64_t>(size_t(documents), 3))};
  return a;
}

}  // namespace

std::vector<Case> bag_cases() {
  const double sums = 2.0 * 4 * double(kWords * kLatent), rows = double(kDocuments * kLatent);
  std::vector<Case> all{likelihood_case(true), likelihood_case(false)};
  all.push_back(of_words("bag_linear_forward", "fp32", sums, [](Workload& w, int64_t words) {
    const Entries e = entries_of(kDocuments, words);
    BagLinearForward a;
    a.bags = bags_of(w, e);
    a.w = w.make(kF32, words, kLatent), a.bias = w.make(kF32, 1, kLatent), a.y = w.make(kF32, kDocuments, kLatent);
    w.measure([&](Backend& b) { bag_linear_forward(b, a); });
  }));
  all.push_back(of_words("bag_linear_backward", "fp32", sums, [](Workload& w, int64_t words) {
    const Entries e = entries_of(kDocuments, words);
    BagLinearBackward a;
    a.bags = by_word_of(w, e);
    a.dy = w.make(kF32, kDocuments, kLatent), a.dw = w.make(kF32, words, kLatent, 2);
    w.measure([&](Backend& b) { bag_linear_backward(b, a); });
  }));
  all.push_back(of_documents("logistic_normal_forward", 20 * rows, [](Workload& w, int64_t documents) {
    LogisticNormalForward a = latent(w, documents);
    a.negative_kld = w.make(kF32, 1, documents);
    w.measure([&](Backend& b) { logistic_normal_forward(b, a); });
  }));
  all.push_back(of_documents("logistic_normal_backward", 25 * rows, [](Workload& w, int64_t documents) {
    LogisticNormalBackward a{.forward = latent(w, documents)};
    a.dtheta = w.make(kF32, documents, kLatent), a.dmean = w.make(kF32, documents, kLatent);
    a.dlog_variance = w.make(kF32, documents, kLatent);
    w.measure([&](Backend& b) { logistic_normal_backward(b, a); });
  }));
  all.push_back(of_documents("relu_forward", rows, [](Workload& w, int64_t documents) {
    const ReluForward a{.x = w.make(kF32, documents, kLatent), .y = w.make(kF32, documents, kLatent)};
    w.measure([&](Backend& b) { relu_forward(b, a); });
  }));
  all.push_back(of_documents("relu_backward", rows, [](Workload& w, int64_t documents) {
    const ReluBackward a{.dy = w.make(kF32, documents, kLatent),
                         .y = w.make(kF32, documents, kLatent),
                         .dx = w.make(kF32, documents, kLatent)};
    w.measure([&](Backend& b) { relu_backward(b, a); });
  }));
  return all;
}

}  // namespace encore::cost
