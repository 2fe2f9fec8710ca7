#include "kernels/ops/adamw.h"

#include <cmath>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/adamw.h"

namespace encore {

void CpuBackend::adamw(const AdamW& a) {
  if (!all_finite(a.squares.ptr<double>(), a.loss.ptr<double>())) return;
  const AdamWScalars& s = *a.scalars.ptr<AdamWScalars>();
  // The scalars in double precision, as torch.optim does, rounded once.
  cpu::AdamWRange range{a.w.ptr<float>(),
                        a.m.ptr<float>(),
                        a.v.ptr<float>(),
                        a.gradient.ptr<float>(),
                        a.shadow.ptr<uint16_t>(),
                        clipped_scale(s.grad_scale, a.squares.ptr<double>(), a.max_norm),
                        float(1.0 - double(s.lr) * double(a.weight_decay)),
                        a.beta2,
                        float(1.0 - double(a.beta1)),
                        float(1.0 - double(a.beta2)),
                        float(double(s.lr) / double(s.correction1)),
                        float(std::sqrt(double(s.correction2))),
                        a.eps};
  const auto update = [&](int64_t first, int64_t last) {
    cpu::parallel_rows(threads_, last - first, 1, [&](int64_t begin, int64_t end, int) {
      ENCORE_VEC_CALL(adamw)(range, first + begin, first + end);
    });
  };
  const float keep = range.keep;
  int64_t done = 0;
  for (int64_t i = 0; i < a.spared.cols; i += 2) {
    const int64_t begin = a.spared.ptr<int64_t>()[i], end = a.spared.ptr<int64_t>()[i + 1];
    update(done, begin);
    range.keep = 1;
    update(begin, end);
    range.keep = keep;
    done = end;
  }
  update(done, a.w.cols);
}

}  // namespace encore
