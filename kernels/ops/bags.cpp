#include "kernels/ops/bags.h"

#include "kernels/ops/arguments.h"

namespace encore {

void check_shapes(const Arguments& args, const Bags& bags, int64_t documents) {
  args.require(bags.row_start, "row_start", DType::kI32, 1, documents + 1);
  args.require(bags.column, "column", DType::kI32, 1, -1);
  args.require(bags.value, "value", DType::kF32, 1, bags.column.cols);
}

void check_shapes(const Arguments& args, const BagsByWord& bags, int64_t words) {
  args.require(bags.word_start, "word_start", DType::kI32, 1, words + 1);
  args.require(bags.document, "document", DType::kI32, 1, -1);
  args.require(bags.value, "value by word", DType::kF32, 1, bags.document.cols);
}

void check_shapes(const Arguments& args, const LossTerm& term) {
  args.optional(term.sum, "sum", DType::kF64, 1, 1);
  args.optional(term.loss, "loss", DType::kF64, 1, 1);
}

}  // namespace encore
