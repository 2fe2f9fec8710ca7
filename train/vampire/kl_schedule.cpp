#include "train/vampire/kl_schedule.h"

#include <algorithm>
#include <cmath>

namespace encore {

double KlSchedule::weight(int64_t epoch) const {
  if (kind == Kind::kConstant || (counting == Counting::kAllennlp && epoch == 0)) return 1;
  const double x = double(counting == Counting::kMaster ? std::max<int64_t>(1, epoch) : epoch - 1);
  return kind == Kind::kLinear ? std::min(1.0, x / epochs) : 1 / (1 + std::exp(-slope * (x - middle)));
}

}  // namespace encore
