#include "kernels/cuda/rows/launch_map.h"

namespace encore {

void CudaBackend::dropout_apply(const DropoutApply& a) {
  constexpr const char* op = "dropout_apply";
  check_live(op, a.live, a.x.rows);
  check_row_keys(op, a.dropout, a.live);
  cuda::run_map<cuda::Identity>(stream_, {.op = op, .x = a.x, .y = a.y, .live = a.live, .dropout = a.dropout});
}

}  // namespace encore
