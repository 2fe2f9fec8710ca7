// y = x in the dtype of y (round to nearest even).
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

class Backend;

struct Cast {
  Tensor x;  // in  [R, C] float
  Tensor y;  // out [R, C] float
};
void cast(Backend&, const Cast&);

}  // namespace encore
