#include "kernels/ops/bag_likelihood.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"

namespace encore {

void bag_likelihood(Backend& backend, const BagLikelihood& a) {
  const Arguments args("bag_likelihood");
  const int64_t words = a.reconstruction.rows, documents = a.reconstruction.cols;
  args.require(a.reconstruction, "reconstruction", DType::kF32, -1, -1);
  args.require(a.background, "background", DType::kF32, 1, words);
  args.require(a.bias, "bias", DType::kF32, 1, words);
  args.require(a.running_mean, "running_mean", DType::kF32, 1, words);
  args.require(a.running_variance, "running_variance", DType::kF32, 1, words);
  args.require(a.log_likelihood, "log_likelihood", DType::kF32, 1, documents);
  check_shapes(args, a.bags, documents);
  check_shapes(args, a.likelihood);
  check(documents == 0 || words > 0, "bag_likelihood: reconstruction {} has no word", a.reconstruction.str());
  if (a.training) {
    check(documents >= 2, "bag_likelihood: training takes the variance over at least 2 documents, not over {}",
          documents);
    check_shapes(args, a.by_word, words);
    check(a.by_word.document.cols == a.bags.column.cols, "bag_likelihood: {} entries by word, and {} by document",
          a.by_word.document.cols, a.bags.column.cols);
    args.require(a.dbias, "dbias", DType::kF32, 1, words);
  }
  if (documents == 0) return;
  backend.bag_likelihood(a);
}

}  // namespace encore
