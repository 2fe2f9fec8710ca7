// The sequence classification head of RoBERTa, on the first row of each sequence:
//   logits = dropout(tanh(dropout(x) W^T + b)) U^T + c
#pragma once

#include "model/head.h"

namespace encore {

class ClassificationHead : public Head {
 public:
  // Registers the two dense layers under the family's names (RoBERTa: classifier.dense, classifier.out_proj).
  ClassificationHead(const EncoderConfig&, int num_labels, ParamStore&);

  std::string architecture() const override { return std::string(names_.architecture); }
  ReadRows read_rows() const override { return ReadRows::kFirstOfEach; }
  int64_t classes() const override { return labels_; }
  Tensor logit_bias() const override { return params_.weight(output_.bias); }

  Saved plan(Arena& saved, int64_t rows) const override;
  void plan_scratch(Arena& scratch, int64_t rows, bool training) const override;
  void forward(Step&, const Saved&, Tensor x) const override;
  void evaluate(Step&, const Saved&, const LossTensors&) const override;
  void backward(Step&, const Saved&, Tensor x, const LossTensors&, Tensor dx) const override;
  void logits(Step&, const Saved&, const LogitVisitor&) const override;

 private:
  Tensor make_logits(Step&, const Saved&) const;
  CrossEntropy loss(Step&, const LossTensors&, Tensor logits) const;
  DropoutApply dropout(Step&, Site, Tensor x, Tensor y) const;

  ParamStore& params_;
  ClassifierNames names_;
  int64_t hidden_, labels_;
  float dropout_;
  DenseParameters dense_, output_;
};

}  // namespace encore
