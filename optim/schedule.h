// Learning-rate schedules: pure functions of the step.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace encore {

enum class ScheduleKind { kLinear, kCosine, kPolynomial, kConstant, kWarmupStableDecay };

// "linear", "cosine", "polynomial", "constant", "wsd". Throws Error naming the choices.
ScheduleKind parse_schedule(std::string_view name);

struct Schedule {
  ScheduleKind kind = ScheduleKind::kLinear;
  double lr = 5e-5;          // peak
  int64_t total_steps = 0;   // T
  int64_t warmup_steps = 0;  // W
  double end_lr = 0;         // polynomial, wsd: the last value
  double power = 1;          // polynomial
  int64_t decay_steps = 0;   // wsd: steps of the decay at the end; 0: a tenth of T

  // Learning rate of update s = 0, 1, ... The forms are those of Hugging Face's get_*_schedule_with_warmup: during
  // warmup lr * s / W, so the first update has lr 0 when there is a warmup.
  //   linear      lr * (T - s) / (T - W)
  //   cosine      lr * (1 + cos(pi (s - W) / (T - W))) / 2
  //   polynomial  (lr - end_lr) * (1 - (s - W) / (T - W))^power + end_lr
  //   constant    lr
  //   wsd         lr, then half a cosine to end_lr over the last decay_steps
  double at(int64_t step) const;
};

// Hugging Face Trainer's rounding: ceil(ratio * total_steps).
int64_t warmup_steps(double warmup_ratio, int64_t total_steps);

}  // namespace encore
