#include "kernels/ops/cast.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"

namespace encore {

void cast(Backend& backend, const Cast& a) {
  const Arguments args("cast");
  args.require_float(a.x, "x", -1, -1);
  args.require_float(a.y, "y", a.x.rows, a.x.cols);
  if (a.x.dtype == a.y.dtype)
    args.same_or_apart(a.y, "y", a.x, "x");
  else
    args.apart(a.y, "y", a.x, "x");
  if (a.x.size() == 0) return;
  backend.cast(a);
}

}  // namespace encore
